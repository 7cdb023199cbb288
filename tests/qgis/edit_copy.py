"""Run by the Python of QGIS: what the form of a copy offers, and an editor's work in it.

use: edit_copy.py COPY.gpkg REGISTER.gpkg
"""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsFeatureSource,
    QgsFieldConstraints,
    QgsGeometry,
    QgsPointXY,
    QgsVectorLayer,
)


def layer_of(path, name):
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
    assert layer.isValid(), path
    return layer


def told(layer):
    """Return, by field, heading, widget, its words with their codes, bounds, and whether it is locked."""
    out = {}
    for i, field in enumerate(layer.fields()):
        widget = layer.editorWidgetSetup(i)
        config = widget.config()
        words = {k: v for pair in config.get("map", []) for k, v in pair.items()}
        out[field.name()] = {
            "heading": layer.attributeDisplayName(i), "widget": widget.type(), "words": words,
            "default": layer.defaultValueDefinition(i).expression(),
            "bounds": [config.get("Min"), config.get("Max")], "locked": layer.editFormConfig().readOnly(i),
            "not_null": bool(layer.fieldConstraints(i) & QgsFieldConstraints.ConstraintNotNull),
        }  # fmt: skip
    return out


def main(copy, register):
    points, zones, kept = (
        layer_of(copy, "hazard_points"),
        layer_of(copy, "risk_zones"),
        layer_of(register, "hazard_points"),
    )
    forms = {"hazard_points": told(points), "risk_zones": told(zones), "register": told(kept)}
    symbols = [c.label() for c in points.renderer().categories()]
    # an editor picks words of the form, moves a point, draws another, and saves
    number = {f["point_id"]: f.id() for f in points.getFeatures()}
    columns = {f.name(): i for i, f in enumerate(points.fields())}
    words = {n: form["words"] for n, form in forms["hazard_points"].items()}
    assert points.startEditing()
    one, two = number["HP-000001"], number["HP-000002"]
    points.changeAttributeValue(one, columns["kind"], words["kind"]["崩塌"])
    points.changeAttributeValue(one, columns["hazard_level"], int(words["hazard_level"]["极高"]))
    points.changeAttributeValue(one, columns["people"], 15)
    points.changeAttributeValue(two, columns["hazard_level"], int(words["hazard_level"]["未知"]))
    place = points.getFeature(two).geometry().asPoint()
    points.changeGeometry(two, QgsGeometry.fromPointXY(QgsPointXY(place.x() + 40, place.y())))
    new = QgsFeature(points.fields())
    new.setAttribute(columns["name"], "画的点")
    new.setAttribute(columns["kind"], words["kind"]["泥石流"])
    new.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(place.x(), place.y() + 300)))
    assert points.addFeature(new)
    assert points.commitChanges(), points.commitErrors()
    # in the register itself nothing can be saved
    assert kept.startEditing()
    kept.changeAttributeValue(1, [f.name() for f in kept.fields()].index("people"), 5)
    is_saved = kept.commitChanges()
    indexed = kept.hasSpatialIndex() == QgsFeatureSource.SpatialIndexPresent
    print(json.dumps({"forms": forms, "symbols": symbols, "index": indexed, "saved_in_register": is_saved,
                      "why": " ".join(kept.commitErrors())}))  # fmt: skip


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    main(*sys.argv[1:])
    application.exitQgis()
