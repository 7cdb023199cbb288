SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA format_1;
CREATE FUNCTION format_1.reg_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF current_setting('geo_risk.writer', true) = 'yes' AND TG_ARGV[0] = 'own' THEN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END IF; RAISE EXCEPTION 'the register is changed by geo-risk register only: export it, edit the copy, import the copy; its history is never changed'; END $$;
SET default_tablespace = '';
CREATE TABLE format_1.hazard_points (
    fid bigint NOT NULL,
    geom public.geometry(Point,4546),
    point_id text NOT NULL,
    version bigint NOT NULL,
    name text,
    kind text,
    source text,
    status text,
    velocity_mm_yr double precision,
    velocity_std_mm_yr double precision,
    acceleration_mm_yr2 double precision,
    activity text,
    area_m2 double precision,
    volume_m3 double precision,
    scale text,
    hazard_level bigint,
    people bigint,
    households bigint,
    assets_cny double precision,
    danger_grade text,
    zone_id text,
    responsible text,
    monitor text,
    first_seen text,
    last_seen text,
    confidence double precision,
    reasons text,
    reasons_zh text,
    reasons_en text,
    merged_into text,
    note text,
    loop_stage text,
    loop_due text,
    loop_unit text,
    loop_assignee text,
    loop_found_on text,
    loop_assigned_on text,
    loop_inspected_on text,
    loop_finding text,
    loop_measure text,
    loop_measure_on text,
    loop_closed_on text,
    loop_outcome text
);
COMMENT ON TABLE format_1.hazard_points IS '隐患点 hazard points';
CREATE SEQUENCE format_1.hazard_points_fid_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE format_1.hazard_points_fid_seq OWNED BY format_1.hazard_points.fid;
CREATE TABLE format_1.reg_aliases (
    source text NOT NULL,
    layer text NOT NULL,
    foreign_id text NOT NULL,
    object_id text NOT NULL
);
CREATE TABLE format_1.reg_counters (
    name text NOT NULL,
    last bigint NOT NULL
);
CREATE TABLE format_1.reg_history (
    seq bigint NOT NULL,
    change_id bigint NOT NULL,
    layer text NOT NULL,
    object_id text NOT NULL,
    version bigint NOT NULL,
    action text NOT NULL,
    who text NOT NULL,
    at text NOT NULL,
    why text NOT NULL,
    run_id text,
    undoes bigint,
    is_there bigint NOT NULL,
    before text NOT NULL,
    after text NOT NULL
);
CREATE SEQUENCE format_1.reg_history_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE format_1.reg_history_seq_seq OWNED BY format_1.reg_history.seq;
CREATE TABLE format_1.reg_ids (
    object_id text NOT NULL,
    layer text NOT NULL,
    version bigint NOT NULL,
    is_there bigint NOT NULL,
    made_at text NOT NULL
);
CREATE TABLE format_1.reg_meta (
    key text NOT NULL,
    value text NOT NULL
);
CREATE TABLE format_1.reg_proposals (
    number bigint NOT NULL,
    kind text NOT NULL,
    layer text NOT NULL,
    object_id text NOT NULL,
    source text NOT NULL,
    run_id text,
    at text NOT NULL,
    base_version bigint NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    reason_zh text NOT NULL,
    reason_en text NOT NULL,
    fingerprint text NOT NULL,
    state text NOT NULL,
    decided_by text,
    decided_at text,
    decided_why text
);
CREATE TABLE format_1.reg_runs (
    run_id text NOT NULL,
    name text NOT NULL,
    made_at text NOT NULL,
    compared_at text NOT NULL,
    who text NOT NULL
);
CREATE TABLE format_1.reg_sightings (
    run_id text NOT NULL,
    object_id text NOT NULL,
    outcome text NOT NULL,
    data_id text NOT NULL
);
CREATE TABLE format_1.risk_zones (
    fid bigint NOT NULL,
    geom public.geometry(MultiPolygon,4546),
    zone_id text NOT NULL,
    version bigint NOT NULL,
    name text,
    status text,
    kind text,
    hazard_level bigint,
    vulnerability_level bigint,
    risk_level bigint,
    people bigint,
    households bigint,
    buildings bigint,
    road_km double precision,
    assets_cny double precision,
    point_ids text,
    responsible text,
    confidence double precision,
    reasons text,
    origin text,
    activity text,
    reasons_zh text,
    reasons_en text,
    merged_into text,
    note text,
    loop_stage text,
    loop_due text,
    loop_unit text,
    loop_assignee text,
    loop_found_on text,
    loop_assigned_on text,
    loop_inspected_on text,
    loop_finding text,
    loop_measure text,
    loop_measure_on text,
    loop_closed_on text,
    loop_outcome text
);
COMMENT ON TABLE format_1.risk_zones IS '风险区 risk zones';
CREATE SEQUENCE format_1.risk_zones_fid_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE format_1.risk_zones_fid_seq OWNED BY format_1.risk_zones.fid;
ALTER TABLE ONLY format_1.hazard_points ALTER COLUMN fid SET DEFAULT nextval('format_1.hazard_points_fid_seq'::regclass);
ALTER TABLE ONLY format_1.reg_history ALTER COLUMN seq SET DEFAULT nextval('format_1.reg_history_seq_seq'::regclass);
ALTER TABLE ONLY format_1.risk_zones ALTER COLUMN fid SET DEFAULT nextval('format_1.risk_zones_fid_seq'::regclass);
INSERT INTO format_1.hazard_points VALUES (1, '0101000020C211000000000000C0201F410000000028E64E41', 'HP-000001', 2, '一号点', 'landslide', 'inventory', 'existing', NULL, NULL, NULL, 'unknown', NULL, NULL, NULL, 3, 30, NULL, NULL, NULL, NULL, '责任人-001', NULL, NULL, '2026-07-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO format_1.hazard_points VALUES (2, '0101000020C21100000000000090281F410000000028E64E41', 'HP-000002', 2, '一号点', 'landslide', 'inventory', 'dormant', NULL, NULL, NULL, 'unknown', NULL, NULL, NULL, 3, 12, NULL, NULL, NULL, NULL, '责任人-001', NULL, NULL, '2025-05-05', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO format_1.hazard_points VALUES (4, '0101000020C21100000000000030381F410000000028E64E41', 'HP-000004', 2, '一号点', 'landslide', 'inventory', 'cancelled', NULL, NULL, NULL, 'unknown', NULL, NULL, NULL, 3, 12, NULL, NULL, NULL, NULL, '责任人-001', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO format_1.hazard_points VALUES (5, '0101000020C21100000000000000401F410000000028E64E41', 'HP-000005', 2, '一号点', 'landslide', 'inventory', 'cancelled', NULL, NULL, NULL, 'unknown', NULL, NULL, NULL, 3, 12, NULL, NULL, NULL, NULL, '责任人-001', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'HP-000001', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO format_1.hazard_points VALUES (3, '0101000020C21100000000000060301F410000000028E64E41', 'HP-000003', 4, '一号点', 'landslide', 'inventory', 'existing', NULL, NULL, NULL, 'unknown', NULL, NULL, NULL, 3, 12, NULL, NULL, NULL, NULL, '责任人-001', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'found', '2026-08-08', NULL, NULL, '2026-08-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO format_1.hazard_points VALUES (6, '0101000020C211000000000000A04F1F410000000028E64E41', 'HP-000006', 1, NULL, 'landslide', 'insar', 'new', -30, 1, NULL, 'steady', NULL, NULL, NULL, 3, 12, NULL, NULL, NULL, NULL, NULL, NULL, '2026-08-01', NULL, 0.9, '形变。', '形变。', 'It moves.', NULL, NULL, 'found', '2026-08-08', NULL, NULL, '2026-08-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO format_1.reg_aliases VALUES ('R-040594763524', 'hazard_points', 'A', 'HP-000001');
INSERT INTO format_1.reg_aliases VALUES ('R-040594763524', 'hazard_points', 'N', 'HP-000006');
INSERT INTO format_1.reg_aliases VALUES ('R-040594763524', 'hazard_points', 'M', 'HP-000007');
INSERT INTO format_1.reg_aliases VALUES ('R-040594763524', 'risk_zones', 'z0', 'RZ-000001');
INSERT INTO format_1.reg_counters VALUES ('risk_zones', 2);
INSERT INTO format_1.reg_counters VALUES ('hazard_points', 7);
INSERT INTO format_1.reg_counters VALUES ('proposal', 4);
INSERT INTO format_1.reg_counters VALUES ('change', 10);
INSERT INTO format_1.reg_history VALUES (1, 1, 'hazard_points', 'HP-000001', 1, 'new', '甲', '2026-08-01T00:00:02.000000+00:00', '核实', NULL, NULL, 1, '{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}', '{"activity":"unknown","geometry":"010100000000000000C0201F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO format_1.reg_history VALUES (2, 1, 'hazard_points', 'HP-000002', 1, 'new', '甲', '2026-08-01T00:00:02.000000+00:00', '核实', NULL, NULL, 1, '{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}', '{"activity":"unknown","geometry":"01010000000000000090281F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO format_1.reg_history VALUES (3, 1, 'hazard_points', 'HP-000003', 1, 'new', '甲', '2026-08-01T00:00:02.000000+00:00', '核实', NULL, NULL, 1, '{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}', '{"activity":"unknown","geometry":"01010000000000000060301F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO format_1.reg_history VALUES (4, 1, 'hazard_points', 'HP-000004', 1, 'new', '甲', '2026-08-01T00:00:02.000000+00:00', '核实', NULL, NULL, 1, '{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}', '{"activity":"unknown","geometry":"01010000000000000030381F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO format_1.reg_history VALUES (5, 1, 'hazard_points', 'HP-000005', 1, 'new', '甲', '2026-08-01T00:00:02.000000+00:00', '核实', NULL, NULL, 1, '{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}', '{"activity":"unknown","geometry":"01010000000000000000401F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO format_1.reg_history VALUES (6, 2, 'hazard_points', 'HP-000001', 2, 'edit', '甲', '2026-08-01T00:00:03.000000+00:00', '核实', NULL, NULL, 1, '{"last_seen":null,"people":12}', '{"last_seen":"2026-07-01","people":30}');
INSERT INTO format_1.reg_history VALUES (7, 3, 'hazard_points', 'HP-000002', 2, 'edit', '甲', '2026-08-01T00:00:04.000000+00:00', '核实', NULL, NULL, 1, '{"last_seen":null,"status":"existing"}', '{"last_seen":"2025-05-05","status":"dormant"}');
INSERT INTO format_1.reg_history VALUES (8, 4, 'risk_zones', 'RZ-000001', 1, 'new', '甲', '2026-08-01T00:00:06.000000+00:00', '核实', NULL, NULL, 1, '{"geometry":null,"hazard_level":-1,"kind":null,"people":null,"risk_level":-1,"status":null,"vulnerability_level":-1}', '{"geometry":"010600000001000000010300000001000000050000000000000050221F4100000000F6E54E410000000050221F41000000005AE64E4100000000301F1F41000000005AE64E4100000000301F1F4100000000F6E54E410000000050221F4100000000F6E54E41","hazard_level":3,"kind":"landslide","people":10,"risk_level":3,"status":"existing","vulnerability_level":2}');
INSERT INTO format_1.reg_history VALUES (9, 4, 'risk_zones', 'RZ-000002', 1, 'new', '甲', '2026-08-01T00:00:06.000000+00:00', '核实', NULL, NULL, 1, '{"geometry":null,"hazard_level":-1,"kind":null,"people":null,"risk_level":-1,"status":null,"vulnerability_level":-1}', '{"geometry":"0106000000010000000103000000010000000500000000000000202A1F4100000000F6E54E4100000000202A1F41000000005AE64E410000000000271F41000000005AE64E410000000000271F4100000000F6E54E4100000000202A1F4100000000F6E54E41","hazard_level":3,"kind":"landslide","people":10,"risk_level":3,"status":"existing","vulnerability_level":2}');
INSERT INTO format_1.reg_history VALUES (10, 5, 'hazard_points', 'HP-000003', 2, 'find', '甲', '2026-08-01T00:00:08.000000+00:00', '核实', NULL, NULL, 1, '{"loop_due":null,"loop_found_on":null,"loop_stage":null}', '{"loop_due":"2026-08-08","loop_found_on":"2026-08-01","loop_stage":"found"}');
INSERT INTO format_1.reg_history VALUES (11, 6, 'hazard_points', 'HP-000004', 2, 'cancel', '甲', '2026-08-01T00:00:09.000000+00:00', '核实', NULL, NULL, 1, '{"status":"existing"}', '{"status":"cancelled"}');
INSERT INTO format_1.reg_history VALUES (12, 7, 'hazard_points', 'HP-000005', 2, 'cancel', '甲', '2026-08-01T00:00:10.000000+00:00', '核实', NULL, NULL, 1, '{"merged_into":null,"status":"existing"}', '{"merged_into":"HP-000001","status":"cancelled"}');
INSERT INTO format_1.reg_history VALUES (13, 8, 'hazard_points', 'HP-000003', 3, 'edit', '甲', '2026-08-01T00:00:11.000000+00:00', '核实', NULL, NULL, 1, '{"people":12}', '{"people":99}');
INSERT INTO format_1.reg_history VALUES (14, 9, 'hazard_points', 'HP-000003', 4, 'undo', '甲', '2026-08-01T00:00:12.000000+00:00', '核实', NULL, 13, 1, '{"people":99}', '{"people":12}');
INSERT INTO format_1.reg_history VALUES (15, 10, 'hazard_points', 'HP-000006', 1, 'new', '甲', '2026-08-01T00:00:38.000000+00:00', '核实', 'R-040594763524', NULL, 1, '{"activity":null,"confidence":null,"first_seen":null,"geometry":null,"hazard_level":-1,"kind":null,"loop_due":null,"loop_found_on":null,"loop_stage":null,"people":null,"reasons":null,"reasons_en":null,"reasons_zh":null,"source":null,"status":null,"velocity_mm_yr":null,"velocity_std_mm_yr":null}', '{"activity":"steady","confidence":0.9,"first_seen":"2026-08-01","geometry":"010100000000000000A04F1F410000000028E64E41","hazard_level":3,"kind":"landslide","loop_due":"2026-08-08","loop_found_on":"2026-08-01","loop_stage":"found","people":12,"reasons":"形变。","reasons_en":"It moves.","reasons_zh":"形变。","source":"insar","status":"new","velocity_mm_yr":-30.0,"velocity_std_mm_yr":1.0}');
INSERT INTO format_1.reg_ids VALUES ('HP-000001', 'hazard_points', 2, 1, '2026-08-01T00:00:01.000000+00:00');
INSERT INTO format_1.reg_ids VALUES ('HP-000002', 'hazard_points', 2, 1, '2026-08-01T00:00:01.000000+00:00');
INSERT INTO format_1.reg_ids VALUES ('RZ-000001', 'risk_zones', 1, 1, '2026-08-01T00:00:05.000000+00:00');
INSERT INTO format_1.reg_ids VALUES ('RZ-000002', 'risk_zones', 1, 1, '2026-08-01T00:00:05.000000+00:00');
INSERT INTO format_1.reg_ids VALUES ('HP-000004', 'hazard_points', 2, 1, '2026-08-01T00:00:01.000000+00:00');
INSERT INTO format_1.reg_ids VALUES ('HP-000005', 'hazard_points', 2, 1, '2026-08-01T00:00:01.000000+00:00');
INSERT INTO format_1.reg_ids VALUES ('HP-000003', 'hazard_points', 4, 1, '2026-08-01T00:00:01.000000+00:00');
INSERT INTO format_1.reg_ids VALUES ('HP-000007', 'hazard_points', 0, 0, '2026-08-01T00:00:15.000000+00:00');
INSERT INTO format_1.reg_ids VALUES ('HP-000006', 'hazard_points', 1, 1, '2026-08-01T00:00:15.000000+00:00');
INSERT INTO format_1.reg_meta VALUES ('format', '1');
INSERT INTO format_1.reg_meta VALUES ('register_id', '2019e3542b8149ad8e3528d88673d5a9');
INSERT INTO format_1.reg_meta VALUES ('crs', 'EPSG:4546');
INSERT INTO format_1.reg_proposals VALUES (1, 'changed', 'hazard_points', 'HP-000001', 'run', 'R-040594763524', '2026-08-01T00:00:23.000000+00:00', 2, '{"activity":"unknown","confidence":null,"hazard_level":3,"people":30,"reasons":null,"reasons_en":null,"reasons_zh":null,"source":"inventory","velocity_mm_yr":null,"velocity_std_mm_yr":null}', '{"activity":"steady","confidence":0.9,"hazard_level":4,"people":45,"reasons":"形变。","reasons_en":"It moves.","reasons_zh":"形变。","source":"insar","velocity_mm_yr":-30.0,"velocity_std_mm_yr":1.0}', '变化：危险性 高 → 极高；活动性 未知 → 匀速；威胁人数 30 → 45；形变速率（毫米/年） 未知 → -30。形变。', 'Changed: hazard_level high -> very high; activity unknown -> steady; people 30 -> 45; velocity_mm_yr unknown -> -30. It moves.', '8855e9bb537fa304e2051405', 'open', NULL, NULL, NULL);
INSERT INTO format_1.reg_proposals VALUES (4, 'changed', 'hazard_points', 'HP-000003', 'file', NULL, '2026-08-01T00:00:35.000000+00:00', 4, '{"last_seen":null,"people":12}', '{"last_seen":"2026-08-02","people":20}', '更多人。', 'More people.', '6a64a8bebc5ce15faee08011', 'open', NULL, NULL, NULL);
INSERT INTO format_1.reg_proposals VALUES (3, 'new', 'hazard_points', 'HP-000007', 'run', 'R-040594763524', '2026-08-01T00:00:25.000000+00:00', 0, '{"activity":null,"confidence":null,"geometry":null,"hazard_level":-1,"kind":null,"people":null,"reasons":null,"reasons_en":null,"reasons_zh":null,"source":null,"status":null,"velocity_mm_yr":null,"velocity_std_mm_yr":null}', '{"activity":"steady","confidence":0.9,"geometry":"010100000000000000807E1F410000000028E64E41","hazard_level":3,"kind":"landslide","people":12,"reasons":"形变。","reasons_en":"It moves.","reasons_zh":"形变。","source":"insar","status":"new","velocity_mm_yr":-30.0,"velocity_std_mm_yr":1.0}', '登记库中没有。形变。', 'Not in the register. It moves.', '513121353ec0323e2c6a24eb', 'rejected', '甲', '2026-08-01T00:00:36.000000+00:00', '核实');
INSERT INTO format_1.reg_proposals VALUES (2, 'new', 'hazard_points', 'HP-000006', 'run', 'R-040594763524', '2026-08-01T00:00:24.000000+00:00', 0, '{"activity":null,"confidence":null,"geometry":null,"hazard_level":-1,"kind":null,"people":null,"reasons":null,"reasons_en":null,"reasons_zh":null,"source":null,"status":null,"velocity_mm_yr":null,"velocity_std_mm_yr":null}', '{"activity":"steady","confidence":0.9,"geometry":"010100000000000000A04F1F410000000028E64E41","hazard_level":3,"kind":"landslide","people":12,"reasons":"形变。","reasons_en":"It moves.","reasons_zh":"形变。","source":"insar","status":"new","velocity_mm_yr":-30.0,"velocity_std_mm_yr":1.0}', '登记库中没有。形变。', 'Not in the register. It moves.', '0e42e7fd6b2d8d844e5d54ec', 'confirmed', '甲', '2026-08-01T00:00:39.000000+00:00', '核实');
INSERT INTO format_1.reg_runs VALUES ('R-040594763524', '试', '2026-08-01T00:00:00+00:00', '2026-08-01T00:00:13.000000+00:00', '甲');
INSERT INTO format_1.reg_sightings VALUES ('R-040594763524', 'HP-000001', 'found', 'a326618a43c0');
INSERT INTO format_1.reg_sightings VALUES ('R-040594763524', 'HP-000002', 'quiet', 'a326618a43c0');
INSERT INTO format_1.reg_sightings VALUES ('R-040594763524', 'HP-000003', 'outside', 'a326618a43c0');
INSERT INTO format_1.reg_sightings VALUES ('R-040594763524', 'HP-000004', 'outside', 'a326618a43c0');
INSERT INTO format_1.reg_sightings VALUES ('R-040594763524', 'HP-000005', 'outside', 'a326618a43c0');
INSERT INTO format_1.reg_sightings VALUES ('R-040594763524', 'RZ-000001', 'found', 'a326618a43c0');
INSERT INTO format_1.reg_sightings VALUES ('R-040594763524', 'RZ-000002', 'quiet', 'a326618a43c0');
INSERT INTO format_1.risk_zones VALUES (1, '0106000020C211000001000000010300000001000000050000000000000050221F4100000000F6E54E410000000050221F41000000005AE64E4100000000301F1F41000000005AE64E4100000000301F1F4100000000F6E54E410000000050221F4100000000F6E54E41', 'RZ-000001', 1, NULL, 'existing', 'landslide', 3, 2, 3, 10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO format_1.risk_zones VALUES (2, '0106000020C2110000010000000103000000010000000500000000000000202A1F4100000000F6E54E4100000000202A1F41000000005AE64E410000000000271F41000000005AE64E410000000000271F4100000000F6E54E4100000000202A1F4100000000F6E54E41', 'RZ-000002', 1, NULL, 'existing', 'landslide', 3, 2, 3, 10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT pg_catalog.setval('format_1.hazard_points_fid_seq', 6, true);
SELECT pg_catalog.setval('format_1.reg_history_seq_seq', 15, true);
SELECT pg_catalog.setval('format_1.risk_zones_fid_seq', 2, true);
ALTER TABLE ONLY format_1.hazard_points
    ADD CONSTRAINT hazard_points_pkey PRIMARY KEY (fid);
ALTER TABLE ONLY format_1.hazard_points
    ADD CONSTRAINT hazard_points_point_id_key UNIQUE (point_id);
ALTER TABLE ONLY format_1.reg_aliases
    ADD CONSTRAINT reg_aliases_pkey PRIMARY KEY (source, layer, foreign_id);
ALTER TABLE ONLY format_1.reg_counters
    ADD CONSTRAINT reg_counters_pkey PRIMARY KEY (name);
ALTER TABLE ONLY format_1.reg_history
    ADD CONSTRAINT reg_history_object_id_version_key UNIQUE (object_id, version);
ALTER TABLE ONLY format_1.reg_history
    ADD CONSTRAINT reg_history_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY format_1.reg_ids
    ADD CONSTRAINT reg_ids_pkey PRIMARY KEY (object_id);
ALTER TABLE ONLY format_1.reg_meta
    ADD CONSTRAINT reg_meta_pkey PRIMARY KEY (key);
ALTER TABLE ONLY format_1.reg_proposals
    ADD CONSTRAINT reg_proposals_pkey PRIMARY KEY (number);
ALTER TABLE ONLY format_1.reg_runs
    ADD CONSTRAINT reg_runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY format_1.reg_sightings
    ADD CONSTRAINT reg_sightings_pkey PRIMARY KEY (run_id, object_id);
ALTER TABLE ONLY format_1.risk_zones
    ADD CONSTRAINT risk_zones_pkey PRIMARY KEY (fid);
ALTER TABLE ONLY format_1.risk_zones
    ADD CONSTRAINT risk_zones_zone_id_key UNIQUE (zone_id);
CREATE INDEX hazard_points_geom ON format_1.hazard_points USING gist (geom);
CREATE INDEX reg_history_change ON format_1.reg_history USING btree (change_id);
CREATE INDEX reg_proposals_object ON format_1.reg_proposals USING btree (object_id);
CREATE INDEX reg_proposals_state ON format_1.reg_proposals USING btree (state);
CREATE INDEX reg_sightings_object ON format_1.reg_sightings USING btree (object_id);
CREATE INDEX risk_zones_geom ON format_1.risk_zones USING gist (geom);
CREATE TRIGGER keep_hazard_points_delete BEFORE DELETE ON format_1.hazard_points FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_hazard_points_insert BEFORE INSERT ON format_1.hazard_points FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_hazard_points_update BEFORE UPDATE ON format_1.hazard_points FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_aliases_delete BEFORE DELETE ON format_1.reg_aliases FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_aliases_insert BEFORE INSERT ON format_1.reg_aliases FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_aliases_update BEFORE UPDATE ON format_1.reg_aliases FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_counters_delete BEFORE DELETE ON format_1.reg_counters FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_counters_insert BEFORE INSERT ON format_1.reg_counters FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_counters_update BEFORE UPDATE ON format_1.reg_counters FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_history_delete BEFORE DELETE ON format_1.reg_history FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('never');
CREATE TRIGGER keep_reg_history_insert BEFORE INSERT ON format_1.reg_history FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_history_update BEFORE UPDATE ON format_1.reg_history FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('never');
CREATE TRIGGER keep_reg_ids_delete BEFORE DELETE ON format_1.reg_ids FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_ids_insert BEFORE INSERT ON format_1.reg_ids FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_ids_update BEFORE UPDATE ON format_1.reg_ids FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_meta_delete BEFORE DELETE ON format_1.reg_meta FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_meta_insert BEFORE INSERT ON format_1.reg_meta FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_meta_update BEFORE UPDATE ON format_1.reg_meta FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_proposals_delete BEFORE DELETE ON format_1.reg_proposals FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_proposals_insert BEFORE INSERT ON format_1.reg_proposals FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_proposals_update BEFORE UPDATE ON format_1.reg_proposals FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_runs_delete BEFORE DELETE ON format_1.reg_runs FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_runs_insert BEFORE INSERT ON format_1.reg_runs FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_runs_update BEFORE UPDATE ON format_1.reg_runs FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_sightings_delete BEFORE DELETE ON format_1.reg_sightings FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_sightings_insert BEFORE INSERT ON format_1.reg_sightings FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_reg_sightings_update BEFORE UPDATE ON format_1.reg_sightings FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_risk_zones_delete BEFORE DELETE ON format_1.risk_zones FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_risk_zones_insert BEFORE INSERT ON format_1.risk_zones FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
CREATE TRIGGER keep_risk_zones_update BEFORE UPDATE ON format_1.risk_zones FOR EACH ROW EXECUTE FUNCTION format_1.reg_refuse('own');
