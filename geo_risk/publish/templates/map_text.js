"use strict";
/* Words and numbers in the chosen language, and the popup cards. */

GeoRisk.t = function (key, values) {
  var words = GeoRisk.data.labels[GeoRisk.state.language];
  var text = Object.prototype.hasOwnProperty.call(words, key) ? words[key] : key;
  Object.keys(values || {}).forEach(function (k) { text = text.split("{" + k + "}").join(values[k]); });
  return text;
};

GeoRisk.isLevel = function (column) { return /_level$/.test(column) || /^warning_\d+h$/.test(column); };

GeoRisk.levelText = function (column, level) {
  return GeoRisk.t((/^warning/.test(column) ? "warning." : "level.") + level);
};

GeoRisk.number = function (value) {
  var language = GeoRisk.state.language === "zh" ? "zh-CN" : "en-GB";
  return value.toLocaleString(language, { maximumFractionDigits: Math.abs(value) < 1 ? 3 : Math.abs(value) < 100 ? 2 : 0 });
};

GeoRisk.choice = function (text) {
  var words = GeoRisk.data.labels[GeoRisk.state.language];
  return String(text).split(/\s*[,;]\s*/).map(function (part) {
    var key = "value." + part;
    return Object.prototype.hasOwnProperty.call(words, key) ? words[key] : part;
  }).join(GeoRisk.state.language === "zh" ? "、" : ", ");
};

GeoRisk.measure = function (text) {
  var words = GeoRisk.data.labels[GeoRisk.state.language], key = "value." + text;
  return Object.prototype.hasOwnProperty.call(words, key) ? words[key] : text;
};

GeoRisk.plainColumns = /^(name|.*_id|.*_ids|leave_before|first_.*|last_.*|failure_.*|shelter_name|reasons)$/;

GeoRisk.valueText = function (column, value) {
  if (value === null || value === undefined || value === "") { return /_ids?$|^(shelter_name|leave_before|name|measures)$/.test(column) ? "—" : GeoRisk.t("ui.unknown"); }
  if (GeoRisk.isLevel(column)) { return GeoRisk.levelText(column, value); }
  if (column === "depth_class" && value < 0) { return GeoRisk.t("ui.unknown"); }
  if (typeof value === "boolean") { return GeoRisk.t(value ? "ui.yes" : "ui.no"); }
  if (column === "first10_share") { return Math.round(100 * value) + " %"; }
  if (typeof value === "number") { return GeoRisk.number(value); }
  if (column === "measures") { return GeoRisk.measure(value); }
  return GeoRisk.plainColumns.test(column) ? value : GeoRisk.choice(value);
};

GeoRisk.columnText = function (column) {
  var words = GeoRisk.data.labels[GeoRisk.state.language], key = "column." + column;
  return Object.prototype.hasOwnProperty.call(words, key) ? words[key] : column;
};

GeoRisk.chip = function (column, level) {
  var colors = GeoRisk.data.levelColors, color = level > 0 ? colors[level] : level === 0 ? "#ffffff" : "#d6dade";
  var chip = GeoRisk.node("span", "gr-chip", GeoRisk.levelText(column, level));
  chip.style.background = color;
  chip.style.color = GeoRisk.inkOn(color);
  return chip;
};

GeoRisk.title = function (layer, feature) {
  var p = feature.p;
  return p.name || p[layer.idColumn] || GeoRisk.t("layer." + layer.id);
};

GeoRisk.card = function (layer, feature) {
  var card = GeoRisk.node("article", "gr-card"), head = card.appendChild(GeoRisk.node("header"));
  var body = card.appendChild(GeoRisk.node("div", "gr-card-body")), p = feature.p;
  if (p.rank) { head.appendChild(GeoRisk.node("span", "gr-rank", p.rank)).title = GeoRisk.t("ui.rank"); }
  head.appendChild(GeoRisk.node("b", "", GeoRisk.title(layer, feature)));
  var first = layer.fields.filter(GeoRisk.isLevel)[0];
  if (first) { head.appendChild(GeoRisk.chip(first, p[first])); }
  body.appendChild(GeoRisk.node("p", "gr-kind", GeoRisk.t("layer." + layer.id)));
  var why = p["reasons_" + GeoRisk.state.language];
  if (why) { body.appendChild(GeoRisk.node("p", "gr-why", GeoRisk.t("ui.reasons") + (GeoRisk.state.language === "zh" ? "：" : ": ") + why)); }
  var list = body.appendChild(GeoRisk.node("dl"));
  layer.fields.forEach(function (column) {
    if (column === "rank") { return; }
    var value = p[column], gone = value === null || value === undefined || value === "";
    list.appendChild(GeoRisk.node("dt", "", GeoRisk.columnText(column)));
    var dd = list.appendChild(GeoRisk.node("dd", gone ? "gr-missing" : ""));
    if (GeoRisk.isLevel(column) && !gone) { dd.appendChild(GeoRisk.chip(column, value)); } else { dd.textContent = GeoRisk.valueText(column, value); }
  });
  return card;
};
