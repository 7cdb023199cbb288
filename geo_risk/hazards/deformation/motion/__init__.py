"""Series to motion: corrections, jumps, velocities with errors that know of time, and checks against the ground."""
