"""What is in the dataset for machines: Croissant 1.0, JSON-LD that search engines and `mlcroissant` read.

The format is Akhtar et al., 2024, Croissant: A Metadata Format for ML-Ready Datasets; http://mlcommons.org/croissant/1.0.
"""

import json
from collections.abc import Iterator
from typing import Any

from schemas.publication import About, Contents

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEDIA = {"Audio": "sc:AudioObject", "Video": "sc:VideoObject", "Image": "sc:ImageObject"}
_SHARDS = {"fileSet": {"@id": "shards"}}
_SPLIT = {
    "@type": "cr:Field",
    "@id": "default/split",
    "name": "split",
    "description": "The split that the sample is in.",
    "dataType": "sc:Text",
    "source": {
        **_SHARDS,
        "extract": {"fileProperty": "filename"},
        "transform": {"regex": r"^(.+)-\d{5}-of-\d{5}\.parquet$"},
    },
}
_LISTS = ("List", "LargeList", "Sequence")
_NUMBERS = (("float", "sc:Float"), ("int", "sc:Integer"), ("uint", "sc:Integer"), ("bool", "sc:Boolean"))


def croissant(about: About, contents: Contents) -> str:
    """One record set over all shards; a row's split is in its file's name. Computed from the arguments alone."""
    splits = ", ".join(f"{split.rows} in {split.name}" for split in contents.splits if split.rows)
    told = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": about.name,
        "description": about.description.strip() or "Recordings of people, segmented, measured and aligned.",
        "version": about.version,
        **({"license": about.licence} if about.licence else {}),
        **({"inLanguage": sorted(contents.languages)} if contents.languages else {}),
        **_stated(about),
        "keywords": ["affective computing", "emotion", "multimodal", "sentiment"],
        "distribution": [
            {
                "@type": "cr:FileSet",
                "@id": "shards",
                "name": "shards",
                "description": "Parquet; manifest.json has the rows and the SHA-256 of each.",
                "encodingFormat": "application/x-parquet",
                "includes": "data/*.parquet",
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "default",
                "name": "default",
                "description": f"{contents.rows} samples of {contents.recordings} recordings: {splits}.",
                "field": [_SPLIT, *_fields(contents.features)],
            }
        ],
    }
    return json.dumps(told, ensure_ascii=False) + "\n"


def _stated(about: About) -> dict[str, Any]:
    """What people stated, under the names of schema.org and of the extension for responsible AI (RAI 1.0)."""
    facts = about.card
    if facts is None:
        return {}
    told = {
        "citeAs": facts.citation,
        "rai:dataCollection": facts.collection,
        "rai:annotatorDemographics": facts.raters,
        "rai:personalSensitiveInformation": facts.consent,
        "rai:dataUseCases": facts.uses,
        "rai:dataLimitations": facts.limits,
        "rai:dataReleaseMaintenancePlan": facts.maintenance,
    }
    creator = {"creator": {"@type": "sc:Organization", "name": facts.creators}} if facts.creators else {}
    return {**creator, **{name: said for name, said in told.items() if said}}


def _fields(features: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, feature in features.items():
        yield _field(f"default/{name}", feature, {**_SHARDS, "extract": {"column": name}}, ())


def _field(name: str, feature: dict[str, Any], source: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """One column, or a part of one at `path`. Lists are repeated."""
    told: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name.rpartition("/")[2]}
    while feature.get("_type") in _LISTS:
        told["repeated"] = True
        feature = feature["feature"]
    if "_type" not in feature:
        return {
            **told,
            "subField": [_field(f"{name}/{part}", of, source, (*path, part)) for part, of in feature.items()],
        }
    if path:
        source = {**source, "transform": [{"jsonPath": part} for part in path]}
    return {**told, **_kind(feature), "source": source}


def _kind(feature: dict[str, Any]) -> dict[str, Any]:
    kind = feature["_type"]
    if kind == "ClassLabel":
        names = ", ".join(f"{number} {name}" for number, name in enumerate(feature["names"]))
        return {"dataType": "sc:Integer", "description": f"Categories: {names}."}
    if kind in _MEDIA:
        return {"dataType": _MEDIA[kind]}
    dtype = str(feature.get("dtype"))
    return {"dataType": next((name for prefix, name in _NUMBERS if dtype.startswith(prefix)), "sc:Text")}
