"use strict";
/* The page: language, panels, stage selector, lists that fly to the place. */

GeoRisk.LIMIT = 500;

GeoRisk.start = function (map) {
  var data = GeoRisk.data = JSON.parse(document.getElementById("geo-risk-data").textContent);
  var visible = { relief: true };
  data.layers.forEach(function (l) { visible[l.id] = l.visible; });
  GeoRisk.map = map;
  GeoRisk.state = { language: data.language, stage: data.stage, raster: data.raster, opacity: 0.7, frame: 0, visible: visible, tab: null, query: "" };
  map.attributionControl.setPrefix(false);
  GeoRisk.build();
  GeoRisk.controls();
  GeoRisk.panels();
  GeoRisk.frames();
  GeoRisk.home();
  GeoRisk.show();
  GeoRisk.applyRaster();
  GeoRisk.applyLayers();
};

GeoRisk.home = function () { GeoRisk.map.fitBounds(GeoRisk.data.bounds, { padding: [8, 8], animate: false }); };

GeoRisk.controls = function () {
  var map = GeoRisk.map, top = L.control({ position: "topright" });
  L.control.zoom({ position: "topright", zoomInTitle: "+", zoomOutTitle: "-" }).addTo(map);
  L.control.scale({ imperial: false, position: "bottomleft", maxWidth: 120 }).addTo(map);
  top.onAdd = function () {
    var box = GeoRisk.node("div", "leaflet-bar"), a = box.appendChild(GeoRisk.node("a", "", "⌂"));
    a.href = "#";
    a.id = "gr-home";
    a.setAttribute("role", "button");
    L.DomEvent.disableClickPropagation(box);
    a.addEventListener("click", function (e) { e.preventDefault(); GeoRisk.home(); });
    return box;
  };
  top.addTo(map);
  var north = L.control({ position: "topright" });
  north.onAdd = function () {
    var box = GeoRisk.node("div", "gr-north"), ns = "http://www.w3.org/2000/svg", svg = document.createElementNS(ns, "svg");
    box.appendChild(GeoRisk.node("div", "gr-n"));
    svg.setAttribute("width", 20);
    svg.setAttribute("height", 24);
    [["M10 1 L17 23 L10 18 Z", "#1d2730"], ["M10 1 L3 23 L10 18 Z", "#9aa5ad"]].forEach(function (d) {
      var path = svg.appendChild(document.createElementNS(ns, "path"));
      path.setAttribute("d", d[0]);
      path.setAttribute("fill", d[1]);
    });
    box.appendChild(svg);
    return box;
  };
  north.addTo(map);
};

GeoRisk.isPhone = function () { return window.matchMedia("(max-width: 800px)").matches; };

GeoRisk.open = function (id, on) {
  ["gr-layers", "gr-lists"].forEach(function (panel) {
    var show = panel === id ? on : GeoRisk.isPhone() ? false : document.getElementById(panel).classList.contains("gr-open");
    document.getElementById(panel).classList.toggle("gr-open", show);
    document.getElementById(panel.replace("gr-", "gr-open-")).setAttribute("aria-expanded", show ? "true" : "false");
  });
  GeoRisk.map.invalidateSize({ animate: false });
};

GeoRisk.panels = function () {
  ["gr-layers", "gr-lists"].forEach(function (id) {
    var panel = document.getElementById(id);
    document.getElementById(id.replace("gr-", "gr-open-")).addEventListener("click", function () { GeoRisk.open(id, !panel.classList.contains("gr-open")); });
    panel.querySelector(".gr-close").addEventListener("click", function () { GeoRisk.open(id, false); });
    panel.addEventListener("keydown", function (e) { if (e.key === "Escape") { GeoRisk.open(id, false); } });
    GeoRisk.open(id, !GeoRisk.isPhone() && (id === "gr-layers" || GeoRisk.listed().length > 0));
  });
  document.getElementById("gr-open-lists").hidden = !GeoRisk.listed().length;
  document.getElementById("gr-language").addEventListener("click", function () {
    GeoRisk.state.language = GeoRisk.state.language === "zh" ? "en" : "zh";
    GeoRisk.map.closePopup();
    GeoRisk.show();
  });
  document.getElementById("gr-query").addEventListener("input", function (e) {
    GeoRisk.state.query = e.target.value.trim().toLowerCase();
    GeoRisk.showRows();
  });
};

GeoRisk.show = function () {
  document.documentElement.lang = GeoRisk.state.language === "zh" ? "zh-CN" : "en";
  document.querySelectorAll("[data-t]").forEach(function (e) { e.textContent = GeoRisk.t(e.getAttribute("data-t")); });
  document.querySelectorAll("[data-t-label]").forEach(function (e) {
    var text = GeoRisk.t(e.getAttribute("data-t-label"));
    e.setAttribute("aria-label", text);
    if (e.tagName === "INPUT") { e.placeholder = text; }
  });
  document.getElementById("gr-time").textContent = GeoRisk.data.dataTime ? GeoRisk.t("ui.data_time") + " " + GeoRisk.data.dataTime : "";
  document.getElementById("gr-home").title = GeoRisk.t("ui.home");
  document.querySelector(".gr-n").textContent = GeoRisk.t("ui.north");
  GeoRisk.showTree();
  GeoRisk.showLegend();
  GeoRisk.showStages();
  GeoRisk.showPlay();
  GeoRisk.showTabs();
};

GeoRisk.showStages = function () {
  var raster = GeoRisk.rasterOf("warning"), bar = document.getElementById("gr-stages");
  document.getElementById("gr-stage").classList.toggle("gr-open", !!raster);
  bar.replaceChildren();
  if (!raster) { return; }
  GeoRisk.data.stages.forEach(function (hours) {
    var missing = !raster.stages[hours], on = GeoRisk.state.raster === "warning" && GeoRisk.state.stage === hours;
    var text = GeoRisk.t("ui.stage_hours", { h: hours }), button = bar.appendChild(GeoRisk.node("button", missing ? "gr-missing" : "", text));
    button.type = "button";
    button.setAttribute("aria-pressed", on ? "true" : "false");
    button.setAttribute("data-stage", hours);
    if (missing) { button.title = GeoRisk.t("ui.no_forecast"); }
    button.addEventListener("click", function () {
      GeoRisk.state.stage = hours;
      GeoRisk.state.raster = "warning";
      GeoRisk.applyRaster();
      GeoRisk.showTree();
      GeoRisk.showLegend();
      GeoRisk.showStages();
    });
  });
  var lacking = GeoRisk.state.raster === "warning" && !raster.stages[GeoRisk.state.stage];
  document.getElementById("gr-stage-note").textContent = lacking ? GeoRisk.t("ui.no_forecast") + ": " + GeoRisk.t("ui.no_forecast_note") : "";
};

GeoRisk.listed = function () {
  var order = ["evacuation", "waterlogging", "hazard_points", "mining_clues", "active_deformation", "linear_risk", "structures", "subsidence_zones",
    "downstream", "planned_sites", "runout_zones", "relocation", "shelter_coverage", "shelter_proposals", "stock_proposals"];
  return order.map(function (id) { return GeoRisk.data.layers.filter(function (l) { return l.id === id && l.listed; })[0]; }).filter(Boolean);
};

GeoRisk.showTabs = function () {
  var tabs = document.getElementById("gr-tabs"), layers = GeoRisk.listed();
  tabs.replaceChildren();
  if (layers.length && !GeoRisk.state.tab) { GeoRisk.state.tab = layers[0].id; }
  layers.forEach(function (layer) {
    var b = tabs.appendChild(GeoRisk.node("button", "", GeoRisk.t("tab." + layer.id)));
    b.type = "button";
    b.setAttribute("role", "tab");
    b.setAttribute("data-tab", layer.id);
    b.setAttribute("aria-selected", GeoRisk.state.tab === layer.id ? "true" : "false");
    b.addEventListener("click", function () { GeoRisk.state.tab = layer.id; GeoRisk.showTabs(); });
  });
  GeoRisk.showRows();
};

GeoRisk.showRows = function () {
  var box = document.getElementById("gr-rows"), note = document.getElementById("gr-rows-note"), q = GeoRisk.state.query;
  var layer = GeoRisk.listed().filter(function (l) { return l.id === GeoRisk.state.tab; })[0];
  box.replaceChildren();
  note.textContent = "";
  if (!layer) { box.appendChild(GeoRisk.node("p", "gr-note", GeoRisk.t("ui.no_rows"))); return; }
  var found = layer.features.filter(function (f) {
    return !q || [f.p.name, f.p[layer.idColumn]].some(function (v) { return v && String(v).toLowerCase().indexOf(q) >= 0; });
  });
  found.slice(0, GeoRisk.LIMIT).forEach(function (feature, i) { box.appendChild(GeoRisk.row(layer, feature, i)); });
  if (!found.length) { box.appendChild(GeoRisk.node("p", "gr-note", GeoRisk.t("ui.no_rows"))); }
  var counts = { n: Math.min(found.length, GeoRisk.LIMIT), total: found.length };
  note.textContent = (found.length > GeoRisk.LIMIT ? GeoRisk.t("ui.shown_of", counts) : found.length + " " + GeoRisk.t("ui.rows")) + " · " + GeoRisk.t("ui.panel_hint");
};

GeoRisk.row = function (layer, feature, index) {
  var row = GeoRisk.node("button", "gr-row"), p = feature.p;
  row.type = "button";
  row.appendChild(GeoRisk.node("span", "gr-rank", p.rank || index + 1));
  var text = row.appendChild(GeoRisk.node("div"));
  text.appendChild(GeoRisk.node("b", "", GeoRisk.title(layer, feature)));
  var words = layer.listColumns.filter(function (c) { return !GeoRisk.isLevel(c) && c in p; });
  text.appendChild(GeoRisk.node("small", "", words.map(function (c) {
    var value = GeoRisk.valueText(c, p[c]);
    return typeof p[c] === "number" || p[c] === null ? GeoRisk.columnText(c) + " " + value : value;
  }).join(" · ")));
  layer.listColumns.filter(GeoRisk.isLevel).slice(0, 1).forEach(function (c) { if (c in p) { row.appendChild(GeoRisk.chip(c, p[c])); } });
  row.addEventListener("click", function () {
    document.querySelectorAll(".gr-row.gr-on").forEach(function (e) { e.classList.remove("gr-on"); });
    row.classList.add("gr-on");
    GeoRisk.fly(layer, feature);
  });
  return row;
};

GeoRisk.fly = function (layer, feature) {
  if (!feature.drawn) { return; }
  if (GeoRisk.isPhone()) { GeoRisk.open("gr-lists", false); }
  GeoRisk.state.visible[layer.id] = true;
  GeoRisk.applyLayers();
  GeoRisk.showTree();
  GeoRisk.showLegend();
  var bounds = feature.drawn.getBounds(), map = GeoRisk.map;
  var options = { maxZoom: 15, padding: [60, 60], duration: 0.8, animate: !window.matchMedia("(prefers-reduced-motion: reduce)").matches };
  map.closePopup();
  map.once("moveend", function () { feature.drawn.openPopup(bounds.getCenter()); });
  map.flyToBounds(bounds, options);
};
