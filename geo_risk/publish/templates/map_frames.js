"use strict";
/* A raster that has a picture for each time: slider, play and stop. */

GeoRisk.framesOf = function () {
  var raster = GeoRisk.rasterOf(GeoRisk.state.raster);
  return raster && raster.image && raster.image.urls ? raster.image : null;
};

GeoRisk.frames = function () {
  var slider = document.getElementById("gr-frame"), play = document.getElementById("gr-play");
  slider.addEventListener("input", function () { GeoRisk.stop(); GeoRisk.toFrame(Number(slider.value)); });
  play.addEventListener("click", function () { if (GeoRisk.playing) { GeoRisk.stop(); } else { GeoRisk.play(); } });
};

GeoRisk.toFrame = function (index) {
  var frames = GeoRisk.framesOf();
  if (!frames) { return; }
  GeoRisk.state.frame = index;
  if (GeoRisk.overlay) { GeoRisk.overlay.setUrl(frames.urls[index]); }
  document.getElementById("gr-frame").value = index;
  document.getElementById("gr-frame-time").textContent = frames.times[index];
};

GeoRisk.play = function () {
  var frames = GeoRisk.framesOf();
  if (!frames) { return; }
  if (GeoRisk.state.frame === frames.urls.length - 1) { GeoRisk.toFrame(0); }
  GeoRisk.playing = window.setInterval(function () {
    if (GeoRisk.state.frame + 1 < frames.urls.length) { GeoRisk.toFrame(GeoRisk.state.frame + 1); } else { GeoRisk.stop(); }
  }, 400);
  GeoRisk.showPlay();
};

GeoRisk.stop = function () {
  window.clearInterval(GeoRisk.playing);
  GeoRisk.playing = null;
  GeoRisk.showPlay();
};

GeoRisk.showPlay = function () {
  var play = document.getElementById("gr-play");
  play.textContent = GeoRisk.playing ? "❚❚" : "▶";
  play.setAttribute("aria-label", GeoRisk.t(GeoRisk.playing ? "ui.stop" : "ui.play"));
  play.title = play.getAttribute("aria-label");
};

GeoRisk.showFrames = function () {
  var frames = GeoRisk.framesOf(), box = document.getElementById("gr-frames");
  box.classList.toggle("gr-open", !!frames);
  GeoRisk.stop();
  if (!frames) { return; }
  document.getElementById("gr-frame").max = frames.urls.length - 1;
  GeoRisk.toFrame(Math.min(GeoRisk.state.frame, frames.urls.length - 1));
};

GeoRisk.toFrames = function () {
  var frames = GeoRisk.framesOf();
  if (frames) { GeoRisk.map.fitBounds(frames.bounds, { padding: [8, 8], animate: false }); }
};
