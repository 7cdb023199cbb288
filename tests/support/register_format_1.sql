PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
BEGIN TRANSACTION;
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
INSERT INTO "gpkg_contents" VALUES('hazard_points','features','隐患点 hazard points','','2026-12-01T01:26:35.911Z',NULL,NULL,NULL,NULL,4546);
INSERT INTO "gpkg_contents" VALUES('risk_zones','features','风险区 risk zones','','2026-12-01T01:26:35.016Z',NULL,NULL,NULL,NULL,4546);
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
INSERT INTO "gpkg_geometry_columns" VALUES('hazard_points','geom','POINT',4546,0,0);
INSERT INTO "gpkg_geometry_columns" VALUES('risk_zones','geom','MULTIPOLYGON',4546,0,0);
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
INSERT INTO "gpkg_spatial_ref_sys" VALUES('Undefined Cartesian SRS',-1,'NONE',-1,'undefined',NULL);
INSERT INTO "gpkg_spatial_ref_sys" VALUES('Undefined geographic SRS',0,'NONE',0,'undefined',NULL);
INSERT INTO "gpkg_spatial_ref_sys" VALUES('CGCS2000 / 3-degree Gauss-Kruger CM 111E',4546,'EPSG',4546,'PROJCS["CGCS2000 / 3-degree Gauss-Kruger CM 111E",GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",SPHEROID["CGCS2000",6378137,298.257222101,AUTHORITY["EPSG","1024"]],AUTHORITY["EPSG","1043"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4490"]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",111],PARAMETER["scale_factor",1],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AUTHORITY["EPSG","4546"]]',NULL);
CREATE TABLE "hazard_points" (fid INTEGER PRIMARY KEY AUTOINCREMENT, geom POINT, "point_id" TEXT NOT NULL UNIQUE, "version" INTEGER NOT NULL, "name" TEXT, "kind" TEXT, "source" TEXT, "status" TEXT, "velocity_mm_yr" REAL, "velocity_std_mm_yr" REAL, "acceleration_mm_yr2" REAL, "activity" TEXT, "area_m2" REAL, "volume_m3" REAL, "scale" TEXT, "hazard_level" INTEGER, "people" INTEGER, "households" INTEGER, "assets_cny" REAL, "danger_grade" TEXT, "zone_id" TEXT, "responsible" TEXT, "monitor" TEXT, "first_seen" TEXT, "last_seen" TEXT, "confidence" REAL, "reasons" TEXT, "reasons_zh" TEXT, "reasons_en" TEXT, "merged_into" TEXT, "note" TEXT, "loop_stage" TEXT, "loop_due" TEXT, "loop_unit" TEXT, "loop_assignee" TEXT, "loop_found_on" TEXT, "loop_assigned_on" TEXT, "loop_inspected_on" TEXT, "loop_finding" TEXT, "loop_measure" TEXT, "loop_measure_on" TEXT, "loop_closed_on" TEXT, "loop_outcome" TEXT);
INSERT INTO "hazard_points" VALUES(1,X'47500001C2110000010100000000000000C0201F410000000028E64E41','HP-000001',2,'一号点','landslide','inventory','existing',NULL,NULL,NULL,'unknown',NULL,NULL,NULL,3,30,NULL,NULL,NULL,NULL,'责任人-001',NULL,NULL,'2026-07-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "hazard_points" VALUES(2,X'47500001C211000001010000000000000090281F410000000028E64E41','HP-000002',2,'一号点','landslide','inventory','dormant',NULL,NULL,NULL,'unknown',NULL,NULL,NULL,3,12,NULL,NULL,NULL,NULL,'责任人-001',NULL,NULL,'2025-05-05',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "hazard_points" VALUES(3,X'47500001C211000001010000000000000060301F410000000028E64E41','HP-000003',4,'一号点','landslide','inventory','existing',NULL,NULL,NULL,'unknown',NULL,NULL,NULL,3,12,NULL,NULL,NULL,NULL,'责任人-001',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'found','2026-08-08',NULL,NULL,'2026-08-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "hazard_points" VALUES(4,X'47500001C211000001010000000000000030381F410000000028E64E41','HP-000004',2,'一号点','landslide','inventory','cancelled',NULL,NULL,NULL,'unknown',NULL,NULL,NULL,3,12,NULL,NULL,NULL,NULL,'责任人-001',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "hazard_points" VALUES(5,X'47500001C211000001010000000000000000401F410000000028E64E41','HP-000005',2,'一号点','landslide','inventory','cancelled',NULL,NULL,NULL,'unknown',NULL,NULL,NULL,3,12,NULL,NULL,NULL,NULL,'责任人-001',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'HP-000001',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "hazard_points" VALUES(6,X'47500001C2110000010100000000000000A04F1F410000000028E64E41','HP-000006',1,NULL,'landslide','insar','new',-30.0,1.0,NULL,'steady',NULL,NULL,NULL,3,12,NULL,NULL,NULL,NULL,NULL,NULL,'2026-08-01',NULL,0.9,'形变。','形变。','It moves.',NULL,NULL,'found','2026-08-08',NULL,NULL,'2026-08-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE reg_aliases (source TEXT NOT NULL, layer TEXT NOT NULL, foreign_id TEXT NOT NULL,
  object_id TEXT NOT NULL, PRIMARY KEY (source, layer, foreign_id));
INSERT INTO "reg_aliases" VALUES('R-040594763524','hazard_points','A','HP-000001');
INSERT INTO "reg_aliases" VALUES('R-040594763524','hazard_points','N','HP-000006');
INSERT INTO "reg_aliases" VALUES('R-040594763524','hazard_points','M','HP-000007');
INSERT INTO "reg_aliases" VALUES('R-040594763524','risk_zones','z0','RZ-000001');
CREATE TABLE reg_counters (name TEXT PRIMARY KEY, last INTEGER NOT NULL);
INSERT INTO "reg_counters" VALUES('change',10);
INSERT INTO "reg_counters" VALUES('proposal',4);
INSERT INTO "reg_counters" VALUES('hazard_points',7);
INSERT INTO "reg_counters" VALUES('risk_zones',2);
CREATE TABLE reg_history (seq INTEGER PRIMARY KEY AUTOINCREMENT, change_id INTEGER NOT NULL, layer TEXT NOT NULL,
  object_id TEXT NOT NULL, version INTEGER NOT NULL, action TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL,
  why TEXT NOT NULL, run_id TEXT, undoes INTEGER, is_there INTEGER NOT NULL, before TEXT NOT NULL,
  after TEXT NOT NULL, UNIQUE (object_id, version));
INSERT INTO "reg_history" VALUES(1,1,'hazard_points','HP-000001',1,'new','甲','2026-08-01T00:00:02.000000+00:00','核实',NULL,NULL,1,'{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}','{"activity":"unknown","geometry":"010100000000000000C0201F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO "reg_history" VALUES(2,1,'hazard_points','HP-000002',1,'new','甲','2026-08-01T00:00:02.000000+00:00','核实',NULL,NULL,1,'{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}','{"activity":"unknown","geometry":"01010000000000000090281F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO "reg_history" VALUES(3,1,'hazard_points','HP-000003',1,'new','甲','2026-08-01T00:00:02.000000+00:00','核实',NULL,NULL,1,'{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}','{"activity":"unknown","geometry":"01010000000000000060301F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO "reg_history" VALUES(4,1,'hazard_points','HP-000004',1,'new','甲','2026-08-01T00:00:02.000000+00:00','核实',NULL,NULL,1,'{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}','{"activity":"unknown","geometry":"01010000000000000030381F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO "reg_history" VALUES(5,1,'hazard_points','HP-000005',1,'new','甲','2026-08-01T00:00:02.000000+00:00','核实',NULL,NULL,1,'{"activity":null,"geometry":null,"hazard_level":-1,"kind":null,"name":null,"people":null,"responsible":null,"source":null,"status":null}','{"activity":"unknown","geometry":"01010000000000000000401F410000000028E64E41","hazard_level":3,"kind":"landslide","name":"一号点","people":12,"responsible":"责任人-001","source":"inventory","status":"existing"}');
INSERT INTO "reg_history" VALUES(6,2,'hazard_points','HP-000001',2,'edit','甲','2026-08-01T00:00:03.000000+00:00','核实',NULL,NULL,1,'{"last_seen":null,"people":12}','{"last_seen":"2026-07-01","people":30}');
INSERT INTO "reg_history" VALUES(7,3,'hazard_points','HP-000002',2,'edit','甲','2026-08-01T00:00:04.000000+00:00','核实',NULL,NULL,1,'{"last_seen":null,"status":"existing"}','{"last_seen":"2025-05-05","status":"dormant"}');
INSERT INTO "reg_history" VALUES(8,4,'risk_zones','RZ-000001',1,'new','甲','2026-08-01T00:00:06.000000+00:00','核实',NULL,NULL,1,'{"geometry":null,"hazard_level":-1,"kind":null,"people":null,"risk_level":-1,"status":null,"vulnerability_level":-1}','{"geometry":"010600000001000000010300000001000000050000000000000050221F4100000000F6E54E410000000050221F41000000005AE64E4100000000301F1F41000000005AE64E4100000000301F1F4100000000F6E54E410000000050221F4100000000F6E54E41","hazard_level":3,"kind":"landslide","people":10,"risk_level":3,"status":"existing","vulnerability_level":2}');
INSERT INTO "reg_history" VALUES(9,4,'risk_zones','RZ-000002',1,'new','甲','2026-08-01T00:00:06.000000+00:00','核实',NULL,NULL,1,'{"geometry":null,"hazard_level":-1,"kind":null,"people":null,"risk_level":-1,"status":null,"vulnerability_level":-1}','{"geometry":"0106000000010000000103000000010000000500000000000000202A1F4100000000F6E54E4100000000202A1F41000000005AE64E410000000000271F41000000005AE64E410000000000271F4100000000F6E54E4100000000202A1F4100000000F6E54E41","hazard_level":3,"kind":"landslide","people":10,"risk_level":3,"status":"existing","vulnerability_level":2}');
INSERT INTO "reg_history" VALUES(10,5,'hazard_points','HP-000003',2,'find','甲','2026-08-01T00:00:08.000000+00:00','核实',NULL,NULL,1,'{"loop_due":null,"loop_found_on":null,"loop_stage":null}','{"loop_due":"2026-08-08","loop_found_on":"2026-08-01","loop_stage":"found"}');
INSERT INTO "reg_history" VALUES(11,6,'hazard_points','HP-000004',2,'cancel','甲','2026-08-01T00:00:09.000000+00:00','核实',NULL,NULL,1,'{"status":"existing"}','{"status":"cancelled"}');
INSERT INTO "reg_history" VALUES(12,7,'hazard_points','HP-000005',2,'cancel','甲','2026-08-01T00:00:10.000000+00:00','核实',NULL,NULL,1,'{"merged_into":null,"status":"existing"}','{"merged_into":"HP-000001","status":"cancelled"}');
INSERT INTO "reg_history" VALUES(13,8,'hazard_points','HP-000003',3,'edit','甲','2026-08-01T00:00:11.000000+00:00','核实',NULL,NULL,1,'{"people":12}','{"people":99}');
INSERT INTO "reg_history" VALUES(14,9,'hazard_points','HP-000003',4,'undo','甲','2026-08-01T00:00:12.000000+00:00','核实',NULL,13,1,'{"people":99}','{"people":12}');
INSERT INTO "reg_history" VALUES(15,10,'hazard_points','HP-000006',1,'new','甲','2026-08-01T00:00:38.000000+00:00','核实','R-040594763524',NULL,1,'{"activity":null,"confidence":null,"first_seen":null,"geometry":null,"hazard_level":-1,"kind":null,"loop_due":null,"loop_found_on":null,"loop_stage":null,"people":null,"reasons":null,"reasons_en":null,"reasons_zh":null,"source":null,"status":null,"velocity_mm_yr":null,"velocity_std_mm_yr":null}','{"activity":"steady","confidence":0.9,"first_seen":"2026-08-01","geometry":"010100000000000000A04F1F410000000028E64E41","hazard_level":3,"kind":"landslide","loop_due":"2026-08-08","loop_found_on":"2026-08-01","loop_stage":"found","people":12,"reasons":"形变。","reasons_en":"It moves.","reasons_zh":"形变。","source":"insar","status":"new","velocity_mm_yr":-30.0,"velocity_std_mm_yr":1.0}');
CREATE TABLE reg_ids (object_id TEXT PRIMARY KEY, layer TEXT NOT NULL, version INTEGER NOT NULL,
  is_there INTEGER NOT NULL, made_at TEXT NOT NULL);
INSERT INTO "reg_ids" VALUES('HP-000001','hazard_points',2,1,'2026-08-01T00:00:01.000000+00:00');
INSERT INTO "reg_ids" VALUES('HP-000002','hazard_points',2,1,'2026-08-01T00:00:01.000000+00:00');
INSERT INTO "reg_ids" VALUES('HP-000003','hazard_points',4,1,'2026-08-01T00:00:01.000000+00:00');
INSERT INTO "reg_ids" VALUES('HP-000004','hazard_points',2,1,'2026-08-01T00:00:01.000000+00:00');
INSERT INTO "reg_ids" VALUES('HP-000005','hazard_points',2,1,'2026-08-01T00:00:01.000000+00:00');
INSERT INTO "reg_ids" VALUES('RZ-000001','risk_zones',1,1,'2026-08-01T00:00:05.000000+00:00');
INSERT INTO "reg_ids" VALUES('RZ-000002','risk_zones',1,1,'2026-08-01T00:00:05.000000+00:00');
INSERT INTO "reg_ids" VALUES('HP-000006','hazard_points',1,1,'2026-08-01T00:00:15.000000+00:00');
INSERT INTO "reg_ids" VALUES('HP-000007','hazard_points',0,0,'2026-08-01T00:00:15.000000+00:00');
CREATE TABLE reg_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "reg_meta" VALUES('format','1');
INSERT INTO "reg_meta" VALUES('register_id','50787c0cf74b4daa98d915858fa14754');
INSERT INTO "reg_meta" VALUES('crs','EPSG:4546');
CREATE TABLE reg_proposals (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, layer TEXT NOT NULL,
  object_id TEXT NOT NULL, source TEXT NOT NULL, run_id TEXT, at TEXT NOT NULL, base_version INTEGER NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL, reason_zh TEXT NOT NULL, reason_en TEXT NOT NULL,
  fingerprint TEXT NOT NULL, state TEXT NOT NULL, decided_by TEXT, decided_at TEXT, decided_why TEXT);
INSERT INTO "reg_proposals" VALUES(1,'changed','hazard_points','HP-000001','run','R-040594763524','2026-08-01T00:00:23.000000+00:00',2,'{"activity":"unknown","confidence":null,"hazard_level":3,"people":30,"reasons":null,"reasons_en":null,"reasons_zh":null,"source":"inventory","velocity_mm_yr":null,"velocity_std_mm_yr":null}','{"activity":"steady","confidence":0.9,"hazard_level":4,"people":45,"reasons":"形变。","reasons_en":"It moves.","reasons_zh":"形变。","source":"insar","velocity_mm_yr":-30.0,"velocity_std_mm_yr":1.0}','变化：危险性 高 → 极高；活动性 未知 → 匀速；威胁人数 30 → 45；形变速率（毫米/年） 未知 → -30。形变。','Changed: hazard_level high -> very high; activity unknown -> steady; people 30 -> 45; velocity_mm_yr unknown -> -30. It moves.','8855e9bb537fa304e2051405','open',NULL,NULL,NULL);
INSERT INTO "reg_proposals" VALUES(2,'new','hazard_points','HP-000006','run','R-040594763524','2026-08-01T00:00:24.000000+00:00',0,'{"activity":null,"confidence":null,"geometry":null,"hazard_level":-1,"kind":null,"people":null,"reasons":null,"reasons_en":null,"reasons_zh":null,"source":null,"status":null,"velocity_mm_yr":null,"velocity_std_mm_yr":null}','{"activity":"steady","confidence":0.9,"geometry":"010100000000000000A04F1F410000000028E64E41","hazard_level":3,"kind":"landslide","people":12,"reasons":"形变。","reasons_en":"It moves.","reasons_zh":"形变。","source":"insar","status":"new","velocity_mm_yr":-30.0,"velocity_std_mm_yr":1.0}','登记库中没有。形变。','Not in the register. It moves.','0e42e7fd6b2d8d844e5d54ec','confirmed','甲','2026-08-01T00:00:39.000000+00:00','核实');
INSERT INTO "reg_proposals" VALUES(3,'new','hazard_points','HP-000007','run','R-040594763524','2026-08-01T00:00:25.000000+00:00',0,'{"activity":null,"confidence":null,"geometry":null,"hazard_level":-1,"kind":null,"people":null,"reasons":null,"reasons_en":null,"reasons_zh":null,"source":null,"status":null,"velocity_mm_yr":null,"velocity_std_mm_yr":null}','{"activity":"steady","confidence":0.9,"geometry":"010100000000000000807E1F410000000028E64E41","hazard_level":3,"kind":"landslide","people":12,"reasons":"形变。","reasons_en":"It moves.","reasons_zh":"形变。","source":"insar","status":"new","velocity_mm_yr":-30.0,"velocity_std_mm_yr":1.0}','登记库中没有。形变。','Not in the register. It moves.','513121353ec0323e2c6a24eb','rejected','甲','2026-08-01T00:00:36.000000+00:00','核实');
INSERT INTO "reg_proposals" VALUES(4,'changed','hazard_points','HP-000003','file',NULL,'2026-08-01T00:00:35.000000+00:00',4,'{"last_seen":null,"people":12}','{"last_seen":"2026-08-02","people":20}','更多人。','More people.','6a64a8bebc5ce15faee08011','open',NULL,NULL,NULL);
CREATE TABLE reg_runs (run_id TEXT PRIMARY KEY, name TEXT NOT NULL, made_at TEXT NOT NULL, compared_at TEXT NOT NULL,
  who TEXT NOT NULL);
INSERT INTO "reg_runs" VALUES('R-040594763524','试','2026-08-01T00:00:00+00:00','2026-08-01T00:00:13.000000+00:00','甲');
CREATE TABLE reg_sightings (run_id TEXT NOT NULL, object_id TEXT NOT NULL, outcome TEXT NOT NULL,
  data_id TEXT NOT NULL, PRIMARY KEY (run_id, object_id));
INSERT INTO "reg_sightings" VALUES('R-040594763524','HP-000001','found','a326618a43c0');
INSERT INTO "reg_sightings" VALUES('R-040594763524','HP-000002','quiet','a326618a43c0');
INSERT INTO "reg_sightings" VALUES('R-040594763524','HP-000003','outside','a326618a43c0');
INSERT INTO "reg_sightings" VALUES('R-040594763524','HP-000004','outside','a326618a43c0');
INSERT INTO "reg_sightings" VALUES('R-040594763524','HP-000005','outside','a326618a43c0');
INSERT INTO "reg_sightings" VALUES('R-040594763524','RZ-000001','found','a326618a43c0');
INSERT INTO "reg_sightings" VALUES('R-040594763524','RZ-000002','quiet','a326618a43c0');
CREATE TABLE reg_writer (token INTEGER);
CREATE TABLE "risk_zones" (fid INTEGER PRIMARY KEY AUTOINCREMENT, geom MULTIPOLYGON, "zone_id" TEXT NOT NULL UNIQUE, "version" INTEGER NOT NULL, "name" TEXT, "status" TEXT, "kind" TEXT, "hazard_level" INTEGER, "vulnerability_level" INTEGER, "risk_level" INTEGER, "people" INTEGER, "households" INTEGER, "buildings" INTEGER, "road_km" REAL, "assets_cny" REAL, "point_ids" TEXT, "responsible" TEXT, "confidence" REAL, "reasons" TEXT, "origin" TEXT, "activity" TEXT, "reasons_zh" TEXT, "reasons_en" TEXT, "merged_into" TEXT, "note" TEXT, "loop_stage" TEXT, "loop_due" TEXT, "loop_unit" TEXT, "loop_assignee" TEXT, "loop_found_on" TEXT, "loop_assigned_on" TEXT, "loop_inspected_on" TEXT, "loop_finding" TEXT, "loop_measure" TEXT, "loop_measure_on" TEXT, "loop_closed_on" TEXT, "loop_outcome" TEXT);
INSERT INTO "risk_zones" VALUES(1,X'47500003C211000000000000301F1F410000000050221F4100000000F6E54E41000000005AE64E41010600000001000000010300000001000000050000000000000050221F4100000000F6E54E410000000050221F41000000005AE64E4100000000301F1F41000000005AE64E4100000000301F1F4100000000F6E54E410000000050221F4100000000F6E54E41','RZ-000001',1,NULL,'existing','landslide',3,2,3,10,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "risk_zones" VALUES(2,X'47500003C21100000000000000271F4100000000202A1F4100000000F6E54E41000000005AE64E410106000000010000000103000000010000000500000000000000202A1F4100000000F6E54E4100000000202A1F41000000005AE64E410000000000271F41000000005AE64E410000000000271F4100000000F6E54E4100000000202A1F4100000000F6E54E41','RZ-000002',1,NULL,'existing','landslide',3,2,3,10,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX reg_history_change ON reg_history (change_id);
CREATE INDEX reg_proposals_object ON reg_proposals (object_id);
CREATE INDEX reg_proposals_state ON reg_proposals (state);
CREATE INDEX reg_sightings_object ON reg_sightings (object_id);
CREATE TRIGGER "keep_reg_ids_insert" BEFORE INSERT ON "reg_ids" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_ids_update" BEFORE UPDATE ON "reg_ids" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_ids_delete" BEFORE DELETE ON "reg_ids" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_proposals_insert" BEFORE INSERT ON "reg_proposals" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_proposals_update" BEFORE UPDATE ON "reg_proposals" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_proposals_delete" BEFORE DELETE ON "reg_proposals" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_runs_insert" BEFORE INSERT ON "reg_runs" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_runs_update" BEFORE UPDATE ON "reg_runs" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_runs_delete" BEFORE DELETE ON "reg_runs" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_sightings_insert" BEFORE INSERT ON "reg_sightings" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_sightings_update" BEFORE UPDATE ON "reg_sightings" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_sightings_delete" BEFORE DELETE ON "reg_sightings" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_aliases_insert" BEFORE INSERT ON "reg_aliases" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_aliases_update" BEFORE UPDATE ON "reg_aliases" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_aliases_delete" BEFORE DELETE ON "reg_aliases" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_counters_insert" BEFORE INSERT ON "reg_counters" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_counters_update" BEFORE UPDATE ON "reg_counters" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_counters_delete" BEFORE DELETE ON "reg_counters" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_meta_insert" BEFORE INSERT ON "reg_meta" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_meta_update" BEFORE UPDATE ON "reg_meta" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_meta_delete" BEFORE DELETE ON "reg_meta" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_hazard_points_insert" BEFORE INSERT ON "hazard_points" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_hazard_points_update" BEFORE UPDATE ON "hazard_points" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_hazard_points_delete" BEFORE DELETE ON "hazard_points" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_risk_zones_insert" BEFORE INSERT ON "risk_zones" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_risk_zones_update" BEFORE UPDATE ON "risk_zones" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_risk_zones_delete" BEFORE DELETE ON "risk_zones" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_history_insert" BEFORE INSERT ON "reg_history" WHEN NOT EXISTS (SELECT 1 FROM reg_writer) BEGIN SELECT RAISE(ABORT, 'the register is changed by `geo-risk register` only: export it, edit the copy, import the copy'); END;
CREATE TRIGGER "keep_reg_history_update" BEFORE UPDATE ON "reg_history"  BEGIN SELECT RAISE(ABORT, 'the history of the register is never changed'); END;
CREATE TRIGGER "keep_reg_history_delete" BEFORE DELETE ON "reg_history"  BEGIN SELECT RAISE(ABORT, 'the history of the register is never changed'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('reg_history',15);
INSERT INTO "sqlite_sequence" VALUES('hazard_points',6);
INSERT INTO "sqlite_sequence" VALUES('risk_zones',2);
COMMIT;
