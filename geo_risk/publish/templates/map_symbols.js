"use strict";
/* Shapes of points, stripes of the unknown, small drawings of the legend. Data becomes text nodes only. */
var GeoRisk = {};

GeoRisk.outline = function (shape, x, y, r) {
  var k = shape === "triangle" ? [[0, -1.15], [1.05, 0.85], [-1.05, 0.85]]
    : shape === "square" ? [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]
      : shape === "diamond" ? [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]]
        : shape === "house" ? [[0, -1.1], [1.05, -0.15], [0.75, -0.15], [0.75, 0.95], [-0.75, 0.95], [-0.75, -0.15], [-1.05, -0.15]]
          : null;
  return k && k.map(function (p) { return [x + p[0] * r, y + p[1] * r]; });
};

GeoRisk.stripes = function (color) {
  GeoRisk.patterns = GeoRisk.patterns || {};
  if (!GeoRisk.patterns[color]) {
    var tile = document.createElement("canvas"), pen = tile.getContext("2d");
    tile.width = tile.height = 8;
    pen.fillStyle = "rgba(255,255,255,0.75)";
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = color;
    pen.lineWidth = 2;
    [-8, 0, 8].forEach(function (d) {
      pen.beginPath();
      pen.moveTo(d - 1, 9);
      pen.lineTo(d + 9, -1);
      pen.stroke();
    });
    GeoRisk.patterns[color] = pen.createPattern(tile, "repeat");
  }
  return GeoRisk.patterns[color];
};

L.Canvas.include({
  _updateCircle: function (layer) {
    if (!this._drawing || layer._empty()) { return; }
    var pen = this._ctx, p = layer._point, r = Math.max(Math.round(layer._radius), 1), o = layer.options;
    var corners = GeoRisk.outline(o.shape, p.x, p.y, r);
    pen.beginPath();
    if (corners) {
      corners.forEach(function (c, i) { pen[i ? "lineTo" : "moveTo"](c[0], c[1]); });
      pen.closePath();
    } else {
      pen.arc(p.x, p.y, r, 0, 2 * Math.PI, false);
    }
    this._fillStroke(pen, layer);
    if (o.mark) {
      pen.globalAlpha = 1;
      pen.font = "600 " + (o.mark.length > 2 ? r : r + 2) + "px system-ui, sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillStyle = GeoRisk.inkOn(o.fillColor);
      pen.fillText(o.mark, p.x, p.y + 0.5);
    }
  },
  _fillStroke: function (pen, layer) {
    var o = layer.options;
    if (o.fill) {
      pen.globalAlpha = o.hatch ? 0.9 : o.fillOpacity;
      pen.fillStyle = o.hatch ? GeoRisk.stripes(o.fillColor) : (o.fillColor || o.color);
      pen.fill(o.fillRule || "evenodd");
    }
    if (o.stroke && o.weight !== 0) {
      if (pen.setLineDash) { pen.setLineDash(o._dashArray || []); }
      pen.globalAlpha = o.opacity;
      pen.lineWidth = o.weight;
      pen.strokeStyle = o.color;
      pen.lineCap = o.lineCap;
      pen.lineJoin = o.lineJoin;
      pen.stroke();
    }
  }
});

/* Black or white, whichever is read more easily on a colour (relative luminance of WCAG 2). */
GeoRisk.inkOn = function (color) {
  var v = [1, 3, 5].map(function (i) {
    var c = parseInt(color.substr(i, 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
  });
  return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2] > 0.3 ? "#14191d" : "#ffffff";
};

GeoRisk.node = function (tag, className, text) {
  var e = document.createElement(tag);
  if (className) { e.className = className; }
  if (text !== undefined && text !== null) { e.textContent = String(text); }
  return e;
};

GeoRisk.symbol = function (look, type) {
  var ns = "http://www.w3.org/2000/svg", svg = document.createElementNS(ns, "svg"), e, id;
  svg.setAttribute("width", 24);
  svg.setAttribute("height", 18);
  svg.setAttribute("aria-hidden", "true");
  var set = function (el, a) { Object.keys(a).forEach(function (k) { el.setAttribute(k, a[k]); }); return el; };
  if (type === "line") {
    e = set(document.createElementNS(ns, "path"), { d: "M2 13 L10 5 L14 12 L22 4", fill: "none" });
  } else if (type === "point") {
    var corners = GeoRisk.outline(look.shape, 12, 9, 7);
    e = corners ? set(document.createElementNS(ns, "polygon"), { points: corners.join(" ") })
      : set(document.createElementNS(ns, "circle"), { cx: 12, cy: 9, r: 7 });
  } else {
    e = set(document.createElementNS(ns, "rect"), { x: 2, y: 2, width: 20, height: 14, rx: 2 });
  }
  set(e, { stroke: look.color, "stroke-width": Math.min(look.width, 3), "stroke-dasharray": look.dash || "none" });
  if (type !== "line") {
    if (look.hatch) {
      id = "gr-stripes-" + (GeoRisk.serial = (GeoRisk.serial || 0) + 1);
      var defs = svg.appendChild(document.createElementNS(ns, "defs"));
      var pattern = set(defs.appendChild(document.createElementNS(ns, "pattern")),
        { id: id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
      set(pattern.appendChild(document.createElementNS(ns, "rect")), { width: 5, height: 5, fill: "#fff" });
      set(pattern.appendChild(document.createElementNS(ns, "rect")), { width: 2, height: 5, fill: look.fill });
    }
    set(e, { fill: look.hatch ? "url(#" + id + ")" : look.fill || "none", "fill-opacity": look.hatch ? 1 : type === "point" ? 0.95 : look.opacity });
  }
  svg.appendChild(e);
  return svg;
};
