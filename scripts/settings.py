"""How a project is deployed on AWS: the settings of its function.toml, checked, with the cheap and safe defaults."""

from __future__ import annotations

import re

ARCHITECTURES = ("x86_64", "arm64")
DEFAULTS: dict = {  # and with them the type of each
    "architecture": "x86_64",
    "api": True,
    "function_url": "off",
    "schedule": "",
    "events": True,
    "bucket": True,
    "queue": True,
    "bulk": True,
    "data_buckets": [],
    "snapstart": False,
    "provisioned_concurrency": 0,
    "reserved_concurrency": -1,
    "requests_per_second": 20,
    "cors_origins": ["*"],
    "log_retention_days": 14,
    "alarm_email": "",
}
RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
FUNCTION_URLS = ("off", "iam", "public")


def checked(name: str, found: dict) -> dict:
    """The [deploy] table of the project `name`, completed. Ends the program with one line that names a wrong setting."""
    settings = {**DEFAULTS, **found}
    for key, value in settings.items():
        if key not in DEFAULTS:
            _refuse(name, f"knows no setting {key} in [deploy]: there are {', '.join(DEFAULTS)}")
        if type(value) is not type(DEFAULTS[key]):
            _refuse(name, f"needs a {type(DEFAULTS[key]).__name__} for {key}, not {value!r}")
    for key, allowed in (("architecture", ARCHITECTURES), ("function_url", FUNCTION_URLS), ("log_retention_days", RETENTION)):
        if settings[key] not in allowed:
            _refuse(name, f"needs one of {', '.join(map(str, allowed))} for {key}, not {settings[key]!r}")
    if settings["schedule"] and not re.fullmatch(r"(rate|cron)\(.+\)", settings["schedule"]):
        _refuse(name, f"needs rate(1 day) or cron(0 6 * * ? *) for schedule, not {settings['schedule']!r}")
    if settings["snapstart"] and settings["provisioned_concurrency"]:
        _refuse(name, "has both snapstart and provisioned_concurrency: AWS allows one of them")
    if settings["requests_per_second"] < 1 or settings["provisioned_concurrency"] < 0 or settings["reserved_concurrency"] < -1:
        _refuse(name, "has a negative number: requests_per_second starts at 1, the concurrencies at 0")
    return settings


def _refuse(name: str, what: str) -> None:
    raise SystemExit(f"{name}/function.toml {what}")
