"""Each setting of function.toml adds its own resources, properties and permissions to the
template, and nothing else.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml

from scripts.aws.parameters import TEMPLATE, parameters
from scripts.project import Project
from scripts.settings import DEFAULTS, checked
from tests.aws.test_template import ACCOUNT, DIGEST, RESOURCES

pytestmark = pytest.mark.commands

FIRST = {"Function", "Role", "Log", "Version", "ErrorsAlarm"}  # before the first version's check
HTTP_API = {
    "HttpApi",
    *(f"HttpApi{part}" for part in ("Integration", "Route", "Stage", "Permission", "Log")),
}
FAILURES = {"OnFailureQueue", "AsyncInvokeConfig", "AsyncInvokeConfigWithoutAlias"}
EVENTS = {"EventRule", "EventRulePermission", "OnFailureQueuePolicy"}
SCHEDULE = {"ScheduleRule", "ScheduleRulePermission", "OnFailureQueuePolicy"}
QUEUE = {"Requests", "DeadLetters", "RequestsSource"}
BUCKET = {"DataBucket", "DataBucketPermission", "DataBucketPolicy"}
BULK = {"Scoring", "ScoringRole"}
ALL_SOURCES = {
    "events": True,
    "queue": True,
    "bucket": True,
    "bulk": True,
    "schedule": "rate(1 day)",
}
EMAIL = {"alarm_email": "a@example.com"}
EMAILED = {"Mail", "ThrottlesAlarm", "DurationAlarm", "FaultsAlarm", "ServerErrorsAlarm"}


def given(project, model="", **settings):
    """The parameters for a project with other settings. model: the URL of a published one."""
    project = Project(project.name)
    project.deploy = checked(project.name, {**DEFAULTS, **settings})
    project.architecture = project.deploy["architecture"]
    return {
        **parameters(ACCOUNT, project, DIGEST, model),
        "LiveVersion": "1",
        "LiveHistory": "before: ",
        "CanaryVersion": "",
        "CanaryWeight": "0",
    }


def resolved(values):
    """The resources that AWS would make, with their properties, where the parameters have these
    values.
    """
    conditions = cfn_yaml.load(str(TEMPLATE))["Conditions"]

    def value_of(node):
        if isinstance(node, list):
            return [value for value in map(value_of, node) if value != {"Ref": "AWS::NoValue"}]
        if not isinstance(node, dict):
            return node
        match [*node.items()]:
            case [("Fn::If", [condition, then, otherwise])]:
                return value_of(then if holds(condition) else otherwise)
            case [("Ref", name)] if name in values:
                return values[name]
        found = {key: value_of(value) for key, value in node.items()}
        return {key: value for key, value in found.items() if value != {"Ref": "AWS::NoValue"}}

    def holds(node):
        if isinstance(node, str):
            return holds(conditions[node])
        [(function, operands)] = node.items()
        match function:
            case "Condition":
                return holds(operands)
            case "Fn::Equals":
                one, other = (
                    operand if isinstance(operand, str) else text_of(operand)
                    for operand in operands
                )
                return str(one) == str(other)
            case "Fn::Not":
                return not holds(operands[0])
        return {"Fn::And": all, "Fn::Or": any}[function](map(holds, operands))

    def text_of(node):
        node = node["Fn::Join"][1] if isinstance(node, dict) and "Fn::Join" in node else node
        return value_of(node)

    return {
        name: value_of(resource["Properties"])
        for name, resource in RESOURCES.items()
        if "Condition" not in resource or holds(resource["Condition"])
    }


def test_nothing_calls_a_function_whose_first_version_was_not_checked(any_project):
    """The first of the two updates of a first deployment: without the alias there is no trigger
    either.
    """
    before = resolved(
        {**given(any_project, function_url="public", **ALL_SOURCES), "LiveVersion": ""}
    )
    assert set(before) == FIRST


def test_the_default_deployment_is_small(any_project):
    assert DEFAULTS.keys() >= ALL_SOURCES.keys()
    made = resolved(given(any_project))
    assert set(made) == FIRST | {"Live"} | HTTP_API
    assert [policy["PolicyName"] for policy in made["Role"]["Policies"]] == ["log"]
    assert "AlarmActions" not in made["ErrorsAlarm"]


def test_all_of_the_template_can_be_switched_on(any_project):
    made = resolved(given(any_project, function_url="iam", **ALL_SOURCES, **EMAIL))
    assert set(made) == set(RESOURCES)
    alarms = {name: made[name] for name in made if name.endswith("Alarm")}
    assert len(alarms) == 7
    assert all(alarm["AlarmActions"] == [{"Ref": "Mail"}] for alarm in alarms.values())


MODEL = f"s3://models/prod/churn/{'0123abcd' * 8}.onnx"


def test_a_function_may_read_its_published_models_and_no_other_object(any_project):
    before, after = resolved(given(any_project)), resolved(given(any_project, model=MODEL))
    assert after["Function"]["Environment"]["Variables"]["MODEL_PATH"] == MODEL
    assert "MODEL_PATH" not in before["Function"]["Environment"]["Variables"]
    assert (
        after["Version"]["Description"] == before["Version"]["Description"] + " model 0123abcd0123"
    )
    [policy] = [
        policy["PolicyDocument"]["Statement"]
        for policy in after["Role"]["Policies"]
        if policy not in before["Role"]["Policies"]
    ]
    folder = given(any_project, model=MODEL)["ModelFolder"]
    resource = {"Fn::Sub": "arn:${AWS::Partition}:s3:::${ModelFolder}/*"}
    assert policy == {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}
    assert folder == "models/prod/churn"


URL = {"FunctionUrl", "FunctionUrlPermission", "FunctionUrlCallPermission"}
SWITCHES: list[
    tuple[dict, set, set, dict]
] = [  # settings: what is there beside, what is not, what is different in the rest
    (
        {"snapstart": True},
        set(),
        set(),
        {"Function.SnapStart": {"ApplyOn": "PublishedVersions"}, "Version.Description": ...},
    ),
    (
        {"provisioned_concurrency": 2},
        set(),
        set(),
        {"Live.ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": "2"}},
    ),
    ({"reserved_concurrency": 5}, set(), set(), {"Function.ReservedConcurrentExecutions": "5"}),
    ({"reserved_concurrency": 0}, set(), set(), {"Function.ReservedConcurrentExecutions": "0"}),
    (
        {"architecture": "arm64"},
        set(),
        set(),
        {"Function.Architectures": ["arm64"], "Version.Description": ...},
    ),
    ({"function_url": "iam"}, URL, set(), {}),
    ({"function_url": "public"}, URL, set(), {}),
    (
        {"schedule": "rate(1 day)"},
        SCHEDULE | FAILURES,
        set(),
        {"Role.Policies": ...},
    ),
    (EMAIL, EMAILED, set(), {"ErrorsAlarm.AlarmActions": [{"Ref": "Mail"}]}),
    ({"api": False}, set(), HTTP_API, {}),
    ({"events": True}, EVENTS | FAILURES, set(), {"Role.Policies": ...}),
    ({"queue": True}, QUEUE, set(), {"Role.Policies": ...}),
    ({"bucket": True}, BUCKET | FAILURES, set(), {"Role.Policies": ...}),
    ({"bulk": True, "bucket": True}, BULK | BUCKET | FAILURES, set(), {"Role.Policies": ...}),
    (
        {"bulk": True, "data_buckets": ["mine"]},
        BULK,
        set(),
        {"Role.Policies": ...},
    ),
    (
        {**EMAIL, "api": False},
        EMAILED - {"ServerErrorsAlarm"},
        HTTP_API,
        {"ErrorsAlarm.AlarmActions": ...},
    ),
    (
        {**EMAIL, "queue": True, "events": True},
        EMAILED | QUEUE | EVENTS | FAILURES | {"DeadLettersAlarm", "OnFailureQueueAlarm"},
        set(),
        {"Role.Policies": ..., "ErrorsAlarm.AlarmActions": ...},
    ),
]


@pytest.mark.parametrize(
    ("settings", "more", "fewer", "changed"), SWITCHES, ids=[str(switch[0]) for switch in SWITCHES]
)
def test_a_switch_changes_what_it_names_and_nothing_else(project, settings, more, fewer, changed):
    before, after = resolved(given(project)), resolved(given(project, **settings))
    assert (after.keys() - before.keys(), before.keys() - after.keys()) == (more, fewer)
    different = {
        f"{name}.{key}": after[name].get(key)
        for name in before.keys() & after.keys()
        for key in before[name].keys() | after[name].keys()
        if before[name].get(key) != after[name].get(key)
    }
    assert different.keys() == changed.keys()
    assert all(value in (..., different[key]) for key, value in changed.items())


@pytest.mark.parametrize(
    ("setting", "kind", "principal"),
    [("iam", "AWS_IAM", {"Ref": "AWS::AccountId"}), ("public", "NONE", "*")],
)
def test_a_function_url_lets_in_whom_it_names(project, setting, kind, principal):
    """AWS asks for both permissions since October 2025."""
    found = resolved(given(project, function_url=setting))
    common = {"FunctionName": {"Ref": "Live"}, "Principal": principal}
    assert found["FunctionUrl"]["AuthType"] == kind and found["FunctionUrl"]["Qualifier"] == "live"
    assert found["FunctionUrlPermission"] == {
        **common,
        "Action": "lambda:InvokeFunctionUrl",
        "FunctionUrlAuthType": kind,
    }
    assert found["FunctionUrlCallPermission"] == {
        **common,
        "Action": "lambda:InvokeFunction",
        "InvokedViaFunctionUrl": True,
    }


@pytest.mark.parametrize(
    "settings",
    [
        {
            "snapstart": True,
            "architecture": "arm64",
            "function_url": "public",
            "schedule": "rate(1 day)",
            "alarm_email": "a@b.c",
        },
        {"provisioned_concurrency": 2, "reserved_concurrency": 5, "function_url": "iam"},
        {"api": False},
        {**ALL_SOURCES, **EMAIL},
        {"model": MODEL},
    ],
)
def test_the_linter_finds_nothing_with_switches_on_or_off(projects, settings, tmp_path):
    template = cfn_yaml.load(str(TEMPLATE))
    for name, value in given(projects[0], **settings).items():
        template["Parameters"][name]["Default"] = value
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    ran = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), str(path)], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
