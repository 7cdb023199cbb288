"use strict";
/* Leaflet layers: relief, one raster at a time, features; and the two panels that switch and explain them. */

GeoRisk.typeOf = function (layer) {
  var f = layer.features.filter(function (x) { return x.g; })[0], type = f ? f.g.type : "";
  return /Point/.test(type) ? "point" : /Line/.test(type) ? "line" : "polygon";
};

GeoRisk.build = function () {
  var map = GeoRisk.map, data = GeoRisk.data;
  [["relief", 210], ["raster", 220], ["base", 300], ["online", 190]].forEach(function (p) { map.createPane(p[0]).style.zIndex = p[1]; });
  map.getPane("base").style.pointerEvents = "none";
  GeoRisk.baseRenderer = L.canvas({ pane: "base", padding: 0.3 });
  GeoRisk.renderer = L.canvas({ padding: 0.3, tolerance: 4 });
  if (data.relief) { GeoRisk.relief = L.imageOverlay(data.relief.url, data.relief.bounds, { pane: "relief", opacity: 0.8 }); }
  data.layers.forEach(function (layer) {
    layer.type = GeoRisk.typeOf(layer);
    layer.leaflet = L.layerGroup();
    layer.features.forEach(function (feature) { if (feature.g) { GeoRisk.addFeature(layer, feature); } });
  });
  data.basemaps.forEach(function (b) {
    b.leaflet = L.tileLayer(b.url, { pane: "online", maxZoom: b.max_zoom, attribution: GeoRisk.node("i", "", b.attribution).innerHTML });
  });
};

GeoRisk.look = function (layer, feature) {
  var c = layer.classes[feature.c], base = layer.group === "base";
  return {
    renderer: base ? GeoRisk.baseRenderer : GeoRisk.renderer, interactive: !base, color: c.color, weight: c.width, opacity: 1,
    dashArray: c.dash || null, fill: !!c.fill || (!base && layer.type === "polygon"), fillColor: c.fill || c.color,
    fillOpacity: c.fill ? (layer.type === "point" ? 0.95 : c.opacity) : 0.02, hatch: c.hatch, shape: c.shape, radius: c.radius,
    mark: layer.type === "point" && feature.p.rank && feature.p.rank < 1000 ? String(feature.p.rank) : "", lineJoin: "round"
  };
};

GeoRisk.addFeature = function (layer, feature) {
  var look = GeoRisk.look(layer, feature);
  var drawn = L.geoJSON(feature.g, {
    style: function () { return look; },
    pointToLayer: function (g, latlng) { return L.circleMarker(latlng, look); }
  });
  feature.drawn = drawn;
  if (look.interactive) {
    drawn.bindPopup(function () { return GeoRisk.card(layer, feature); }, { maxWidth: 320, minWidth: 240, autoPanPadding: [16, 16] });
  }
  layer.leaflet.addLayer(drawn);
};

GeoRisk.shown = function (layer) { return !!GeoRisk.state.visible[layer.id]; };

GeoRisk.applyLayers = function () {
  var map = GeoRisk.map, state = GeoRisk.state;
  GeoRisk.data.layers.forEach(function (layer) {
    if (GeoRisk.shown(layer) !== map.hasLayer(layer.leaflet)) { map[GeoRisk.shown(layer) ? "addLayer" : "removeLayer"](layer.leaflet); }
  });
  GeoRisk.data.layers.forEach(function (layer) {
    if (!GeoRisk.shown(layer)) { return; }
    for (var i = layer.features.length - 1; i >= 0; i--) { if (layer.features[i].drawn) { layer.features[i].drawn.bringToFront(); } }
  });
  if (GeoRisk.relief) { map[state.visible.relief ? "addLayer" : "removeLayer"](GeoRisk.relief); }
  GeoRisk.data.basemaps.forEach(function (b, i) { map[state.visible["online" + i] ? "addLayer" : "removeLayer"](b.leaflet); });
};

GeoRisk.rasterOf = function (id) { return GeoRisk.data.rasters.filter(function (r) { return r.id === id; })[0]; };

GeoRisk.applyRaster = function () {
  var raster = GeoRisk.rasterOf(GeoRisk.state.raster), image = raster && (raster.stages ? raster.stages[GeoRisk.state.stage] : raster.image);
  GeoRisk.showFrames();
  if (GeoRisk.overlay) { GeoRisk.map.removeLayer(GeoRisk.overlay); GeoRisk.overlay = null; }
  if (image && image.urls) { image = { url: image.urls[GeoRisk.state.frame], bounds: image.bounds }; }
  if (image) { GeoRisk.overlay = L.imageOverlay(image.url, image.bounds, { pane: "raster", opacity: GeoRisk.state.opacity }).addTo(GeoRisk.map); }
};

GeoRisk.rasterName = function (raster) { return GeoRisk.t(raster.label) + (raster.track ? " · " + GeoRisk.choice(raster.track) : ""); };

GeoRisk.choiceRow = function (type, name, checked, text, count, change) {
  var row = GeoRisk.node("label", "gr-choice"), input = row.appendChild(GeoRisk.node("input"));
  input.type = type;
  input.name = name;
  input.checked = checked;
  input.addEventListener("change", function () { change(input.checked); });
  row.appendChild(GeoRisk.node("span", "", text));
  if (count !== null) { row.appendChild(GeoRisk.node("span", "gr-count", count)); }
  return row;
};

GeoRisk.showTree = function () {
  var tree = document.getElementById("gr-layer-tree"), state = GeoRisk.state, data = GeoRisk.data;
  tree.replaceChildren();
  var boxes = function (group, extra) {
    tree.appendChild(GeoRisk.node("h3", "", GeoRisk.t("group." + group)));
    data.layers.filter(function (l) { return l.group === group; }).reverse().forEach(function (layer) {
      tree.appendChild(GeoRisk.choiceRow("checkbox", "gr-" + layer.id, GeoRisk.shown(layer), GeoRisk.t("layer." + layer.id), layer.features.length,
        function (on) { state.visible[layer.id] = on; GeoRisk.applyLayers(); GeoRisk.showLegend(); }));
    });
    extra.forEach(function (x) {
      tree.appendChild(GeoRisk.choiceRow("checkbox", "gr-" + x[0], !!state.visible[x[0]], x[1], null,
        function (on) { state.visible[x[0]] = on; GeoRisk.applyLayers(); }));
    });
  };
  boxes("vectors", []);
  tree.appendChild(GeoRisk.node("h3", "", GeoRisk.t("group.rasters")));
  data.rasters.concat([null]).forEach(function (raster) {
    var id = raster ? raster.id : "";
    tree.appendChild(GeoRisk.choiceRow("radio", "gr-raster", state.raster === id, raster ? GeoRisk.rasterName(raster) : GeoRisk.t("ui.none"), null,
      function () { state.raster = id; GeoRisk.toFrames(); GeoRisk.applyRaster(); GeoRisk.showLegend(); GeoRisk.showStages(); }));
  });
  var range = tree.appendChild(GeoRisk.node("label", "gr-range", GeoRisk.t("ui.opacity"))), slider = range.appendChild(GeoRisk.node("input"));
  slider.type = "range";
  slider.min = 10;
  slider.max = 100;
  slider.value = state.opacity * 100;
  slider.addEventListener("input", function () {
    state.opacity = slider.value / 100;
    if (GeoRisk.overlay) { GeoRisk.overlay.setOpacity(state.opacity); }
  });
  boxes("base", data.relief ? [["relief", GeoRisk.t("ui.relief")]] : []);
  if (data.basemaps.length) {
    tree.appendChild(GeoRisk.node("h3", "", GeoRisk.t("group.online")));
    data.basemaps.forEach(function (b, i) {
      tree.appendChild(GeoRisk.choiceRow("checkbox", "gr-online" + i, !!state.visible["online" + i], b.name, null,
        function (on) { state.visible["online" + i] = on; GeoRisk.applyLayers(); }));
    });
  }
};

GeoRisk.key = function (look, type, text, count) {
  var row = GeoRisk.node("div", "gr-key");
  row.appendChild(GeoRisk.symbol(look, type));
  row.appendChild(GeoRisk.node("span", "", text));
  row.appendChild(GeoRisk.node("span", "", count === null ? "" : count));
  return row;
};

GeoRisk.rasterLegend = function (box, raster) {
  var units = raster.units ? " (" + raster.units + ")" : "";
  box.appendChild(GeoRisk.node("h3", "", GeoRisk.rasterName(raster) + units));
  if (raster.kind === "ramp") {
    var bar = box.appendChild(GeoRisk.node("div", "gr-ramp")), ends = box.appendChild(GeoRisk.node("div", "gr-ends"));
    bar.style.background = "linear-gradient(90deg," + raster.colors.join(",") + ")";
    [raster.image.low, (raster.image.low + raster.image.high) / 2, raster.image.high].forEach(function (v) { ends.appendChild(GeoRisk.node("span", "", GeoRisk.number(v))); });
  }
  raster.classes.forEach(function (c) { box.appendChild(GeoRisk.key(c, "polygon", GeoRisk.t(c.label), null)); });
};

GeoRisk.showLegend = function () {
  var box = document.getElementById("gr-legend"), raster = GeoRisk.rasterOf(GeoRisk.state.raster);
  box.replaceChildren();
  if (raster) { GeoRisk.rasterLegend(box, raster); }
  GeoRisk.data.layers.slice().reverse().forEach(function (layer) {
    if (!GeoRisk.shown(layer) || !layer.features.length) { return; }
    var classes = layer.classes.filter(function (c) { return c.count > 0; });
    if (classes.length > 1 || layer.classes.length > 1) { box.appendChild(GeoRisk.node("h3", "", GeoRisk.t("layer." + layer.id))); }
    classes.forEach(function (c) { box.appendChild(GeoRisk.key(c, layer.type, GeoRisk.classLabel(c), c.count)); });
  });
};

GeoRisk.classLabel = function (c) {
  if (!c.minutes) { return GeoRisk.t(c.label); }
  return GeoRisk.t("value.band").replace("{start}", GeoRisk.number(c.minutes[0])).replace("{end}", GeoRisk.number(c.minutes[1]));
};
