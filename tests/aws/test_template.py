"""Checks that AWS makes, and a local AWS does not: permissions, least privilege, and limits of the
template's parameters.
"""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from scripts.aws.parameters import TEMPLATE, parameters, template_for, version_label
from scripts.project import Project
from shared.errors import UserError
from shared.serving.logs import METRICS, NAMESPACE

pytestmark = pytest.mark.commands

ACCOUNT: Any = SimpleNamespace(
    id="123456789012",
    region="us-east-1",
    partition="aws",
    plain_http=False,
    registry="123456789012.dkr.ecr.us-east-1.amazonaws.com",
)
DIGEST = "sha256:" + "0123456789ab" * 5 + "0123"
RESOURCES = cfn_yaml.load(str(TEMPLATE))["Resources"]


def of_type(kind):
    """Return the properties of all resources of a type, by logical name."""
    return {
        name: resource["Properties"]
        for name, resource in RESOURCES.items()
        if resource["Type"] == kind
    }


def statements(role):
    """Every statement of a role's policies, those under a condition too."""
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        document = policy["Fn::If"][1] if "Fn::If" in policy else policy
        found = document["PolicyDocument"]["Statement"]
        yield from found if isinstance(found, list) else [found]


@pytest.mark.parametrize("role", of_type("AWS::IAM::Role"))
def test_roles_may_do_little_to_what_is_named(role):
    for statement in statements(role):
        actions = (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
        assert not [action for action in actions if "*" in action]
        written = json.dumps(statement["Resource"])
        assert "s3:DeleteObject" not in actions or ".refused.ndjson" in written
        assert written != '"*"' and '"*"' not in written
        # A star stands only for what is inside of something that is named: objects below a prefix,
        # executions of one machine.
        for text in re.findall(r'"([^"]*\*[^"]*)"', written):
            assert re.search(
                r"(\$\{BucketName\}/(input|results)|\$\{ModelFolder\}|execution:\$\{FunctionName\})[/:]\*(\.refused\.ndjson)?$",
                text,
            ), text


def test_each_trigger_has_a_permission_for_itself_alone():
    permissions = of_type("AWS::Lambda::Permission")
    assert set(permissions) == {
        f"{name}Permission"
        for name in (
            "HttpApi",
            "FunctionUrl",
            "FunctionUrlCall",
            "EventRule",
            "ScheduleRule",
            "DataBucket",
        )
    }
    for name, permission in permissions.items():
        assert permission["FunctionName"] == {"Ref": "Live"}
        if not name.startswith("FunctionUrl"):
            assert permission["Principal"].endswith(".amazonaws.com") and permission["SourceArn"]
    assert permissions["DataBucketPermission"]["SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert permissions["HttpApiPermission"]["SourceArn"]["Fn::Sub"].endswith(
        ":${HttpApi}/$default/*"
    )


def test_who_may_take_the_roles():
    """Lambda refuses a function whose role does not name it here, and a local AWS does not."""
    for role, service in {
        "Role": "lambda.amazonaws.com",
        "ScoringRole": "states.amazonaws.com",
    }.items():
        statement = RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
        assert statement["Principal"] == {"Service": service}


def test_all_that_calls_calls_live():
    live = {"Ref": "Live"}
    assert RESOURCES["HttpApiIntegration"]["Properties"]["IntegrationUri"] == live
    for rule in of_type("AWS::Events::Rule").values():
        assert [target["Arn"] for target in rule["Targets"]] == [live]
    assert RESOURCES["RequestsSource"]["Properties"]["FunctionName"] == live
    assert RESOURCES["Scoring"]["Properties"]["DefinitionSubstitutions"]["Function"] == live
    for call in RESOURCES["DataBucket"]["Properties"]["NotificationConfiguration"][
        "LambdaConfigurations"
    ]:
        assert call["Function"] == live


def test_results_cannot_trigger():
    results = RESOURCES["Function"]["Properties"]["Environment"]["Variables"]["RESULTS_PREFIX"]
    calls = RESOURCES["DataBucket"]["Properties"]["NotificationConfiguration"][
        "LambdaConfigurations"
    ]
    rules = [
        {rule["Name"]: rule["Value"] for rule in call["Filter"]["S3Key"]["Rules"]} for call in calls
    ]
    assert {rule["prefix"] for rule in rules} == {"input/"} and not results.startswith("input/")
    assert {rule["suffix"] for rule in rules} == {
        ".csv",
        ".jsonl",
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
    }


def test_nothing_is_lost():
    assert RESOURCES["RequestsSource"]["Properties"]["FunctionResponseTypes"] == [
        "ReportBatchItemFailures"
    ]
    assert RESOURCES["Requests"]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"][
        "Fn::GetAtt"
    ] == ["DeadLetters", "Arn"]
    for name in ("AsyncInvokeConfig", "AsyncInvokeConfigWithoutAlias"):
        destination = RESOURCES[name]["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination["Fn::GetAtt"] == ["OnFailureQueue", "Arn"]
    for rule in of_type("AWS::Events::Rule").values():
        assert rule["Targets"][0]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"] == [
            "OnFailureQueue",
            "Arn",
        ]
    assert RESOURCES["Version"]["UpdateReplacePolicy"] == "Retain"  # what rollback goes back to


def test_what_is_watched_and_limited():
    assert {alarm["MetricName"] for alarm in of_type("AWS::CloudWatch::Alarm").values()} >= {
        "Errors",
        "Throttles",
        "Duration",
    }
    assert RESOURCES["HttpApiStage"]["Properties"]["DefaultRouteSettings"][
        "ThrottlingRateLimit"
    ] == {"Ref": "RequestsPerSecond"}
    assert RESOURCES["Log"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetention"}
    assert RESOURCES["Function"]["Properties"]["LoggingConfig"]["LogFormat"] == "JSON"
    cors = RESOURCES["HttpApi"]["Properties"]["CorsConfiguration"]
    assert cors["AllowOrigins"] == {"Ref": "CorsOrigins"} and cors["AllowMethods"] == [
        "GET",
        "POST",
    ]
    routes = {route["RouteKey"] for route in of_type("AWS::ApiGatewayV2::Route").values()}
    assert routes == {
        "$default"
    }  # the function knows the paths, and answers for those that are none


def test_alarms_on_dead_letters_server_errors_and_the_function_s_own_errors():
    alarms = {alarm["MetricName"]: alarm for alarm in of_type("AWS::CloudWatch::Alarm").values()}
    assert alarms["5xx"]["Dimensions"] == [{"Name": "ApiId", "Value": {"Ref": "HttpApi"}}]
    assert (alarms["errors"]["Namespace"], alarms["errors"]["Dimensions"][0]["Name"]) == (
        NAMESPACE,
        "function",
    )
    assert "errors" in METRICS
    dead = RESOURCES["DeadLettersAlarm"]["Properties"]["Dimensions"][0]
    assert (dead["Name"], dead["Value"]["Fn::GetAtt"]) == (
        "QueueName",
        ["DeadLetters", "QueueName"],
    )


def test_the_bucket_takes_tls_alone_and_the_api_keeps_a_log():
    statement = RESOURCES["DataBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "s3:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    log = RESOURCES["HttpApiStage"]["Properties"]["AccessLogSettings"]
    assert (
        log["DestinationArn"]["Fn::GetAtt"] == ["HttpApiLog", "Arn"]
        and "sourceIp" not in log["Format"]
    )
    assert RESOURCES["HttpApiLog"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetention"}


def test_no_arn_names_a_partition():
    assert "arn:aws:" not in TEMPLATE.read_text()
    resources = [json.dumps(statement["Resource"]) for statement in statements("ScoringRole")]
    assert any("FunctionName}/*" in text and "FunctionName}:*" in text for text in resources)


def test_the_parameters_are_those_of_the_template(project):
    about_live = {
        "LiveVersion",
        "LiveHistory",
        "CanaryVersion",
        "CanaryWeight",
    }  # scripts/aws/deploy.py adds them
    given = parameters(ACCOUNT, project, DIGEST)
    assert given.keys() | about_live == set(cfn_yaml.load(str(TEMPLATE))["Parameters"])
    assert all(type(value) is str for value in given.values())


def test_the_environment_is_in_the_template(project):
    project = Project(project.name)
    project.environment = {"GREETING": 'a "b": c', "NUMBER": 1}
    assert '          GREETING: "a \\"b\\": c"\n          NUMBER: "1"\n' in template_for(project)
    changed = version_label(project, DIGEST)
    project.environment = {}
    assert changed != version_label(project, DIGEST)


@pytest.mark.parametrize(
    "name", ["ALLOW_PRIVATE_URLS", "RESULTS_PREFIX", "ORT_DISABLE_TELEMETRY", "MODEL_PATH"]
)
def test_a_variable_that_must_not_be_deployed_is_refused(any_project, name):
    project = Project(any_project.name)
    project.environment = {name: "1"}
    with pytest.raises(
        UserError, match=rf"^{project.name}/function\.toml sets {name}\b.*remove it$"
    ):
        template_for(project)
