"""template.yaml becomes what the emulator can deploy."""

from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.expansion import Expansion, Local, apart, expand, tied

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Metadata:
  Refusal: &refuse_plain_http {Effect: Deny, Condition: {Bool: {aws:SecureTransport: "false"}}}
Parameters:
  Stage: {Type: String}
Conditions:
  IsLocal: !Equals [!Ref Stage, local]
Globals:
  Function: {Runtime: python3.13, Layers: [!Ref SharedLayer]}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Name: !Sub sesame-${Stage}
      CorsConfiguration: {AllowOrigins: ["https://portal.example"], AllowMethods: [GET]}
      Auth:
        Authorizers:
          Staff:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: "https://issuer.example", audience: [desk]}
  SharedLayer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: shared/, CompatibleRuntimes: [python3.13]}
  DeskFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/desk/
      Handler: api.handler
      Policies:
        - Statement:
            - {Effect: Allow, Action: [sqs:SendMessage], Resource: !GetAtt Topic.TopicArn}
            - {Effect: Allow, Action: [ses:SendEmail], Resource: identity/residences.example}
      Environment: {Variables: {FONTCONFIG_FILE: /opt/etc/fonts/fonts.conf, STAGE: !Ref Stage}}
      Events:
        Import:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: POST, Path: /v1/desk/lease-imports, Auth: {Authorizer: Staff}}
        Report:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: GET, Path: "/v1/desk/lease-imports/{import_id}"}
        Any:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: /v1/anything}
        Queue:
          Type: SQS
          Properties: {Queue: "arn:aws:sqs:eu-west-3:1:queue", ScalingConfig: {MaximumConcurrency: 50}}
        Stream:
          Type: DynamoDB
          Properties: {Stream: "arn:aws:dynamodb:eu-west-3:1:table/t/stream/s", StartingPosition: LATEST}
        Daily:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(1 day)}
  Spending:
    Type: AWS::Budgets::Budget
    Properties: {Budget: {BudgetType: COST, TimeUnit: MONTHLY}}
  Sum:
    Type: AWS::CloudWatch::Alarm
    Properties: {Metrics: [{Id: sum, Expression: a+b}], EvaluationPeriods: 1}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties: {Bucket: documents, PolicyDocument: {Statement: [*refuse_plain_http]}}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [queue]
      PolicyDocument: {Statement: [*refuse_plain_http, {Sid: Rules, Effect: Allow}]}
  Topic:
    Type: AWS::SNS::Topic
    DependsOn: [Spending]
Outputs:
  SpendingName: {Value: !Ref Spending}
  TopicName: {Value: !Ref Topic}
"""
CODE = {"SharedLayer": "s3://artefacts/shared.zip", "DeskFunction": "s3://artefacts/desk.zip"}


def expanded(*, schedules: bool = True, template: str = TEMPLATE) -> Expansion:
    local = Local(region="eu-west-3", api_id="5e5a3e00", portal_host="sesame.localhost", schedules=schedules)
    return expand(yaml_parse(template), {"Stage": "local"}, CODE, local)


def of_type(kind: str, **how: Any) -> dict[str, dict[str, Any]]:
    resources = expanded(**how).template["Resources"]
    return {name: r.get("Properties", {}) for name, r in resources.items() if r["Type"] == kind}


MOST_RESOURCES = 500
"""Of a stack, on the emulator as on AWS, whose own count is in test_template.py."""


def test_the_whole_template_fits_into_two_stacks_of_the_emulator() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))
    code = dict.fromkeys(template["Resources"], "s3://artefacts/code.zip")
    parameters = {"Stage": "local", "StudentIssuer": "https://students.example"} | dict.fromkeys(
        ("PortalUrl", "ApiUrl", "Sender"), "a@sesame.example"
    )
    local = Local(region="eu-west-3", api_id="5e5a3e00", portal_host="sesame.localhost")

    for stack in apart(expand(template, parameters, code, local).template):
        assert len(stack["Resources"]) < MOST_RESOURCES


def test_the_routes_are_a_stack_that_names_the_rest_by_what_it_became() -> None:
    rest, routes = apart(expanded().template)

    tied_up = tied(routes, {"Api": "5e5a3e00"}, {"DeskFunction": "arn:of-desk"})["Resources"]

    assert not rest["Resources"].keys() & routes["Resources"].keys()
    [integration] = [one for one in tied_up.values() if one["Type"].endswith("Integration")]
    assert integration["Properties"]["ApiId"] == "5e5a3e00"
    assert "/functions/arn:of-desk/invocations" in str(integration["Properties"]["IntegrationUri"])


def test_the_gateway_may_call_each_function_by_one_permission() -> None:
    permissions = of_type("AWS::Lambda::Permission").values()
    of_gateway = [one for one in permissions if one["Principal"] == "apigateway.amazonaws.com"]

    assert [one["FunctionName"] for one in of_gateway] == [{"Ref": "DeskFunction"}]
    assert of_gateway[0]["SourceArn"]["Fn::Sub"][0].endswith("${__ApiId__}/${__Stage__}/*")


def test_every_path_of_the_api_becomes_a_route_to_its_function() -> None:
    routes = of_type("AWS::ApiGatewayV2::Route")
    integrations = of_type("AWS::ApiGatewayV2::Integration")

    assert sorted(route["RouteKey"] for route in routes.values()) == [
        "ANY /v1/anything",
        "GET /v1/desk/lease-imports/{import_id}",
        "POST /v1/desk/lease-imports",
    ]
    targets = {route["Target"]["Fn::Sub"] for route in routes.values()}
    assert targets == {f"integrations/${{{name}}}" for name in integrations}
    assert all("DeskFunction.Arn" in i["IntegrationUri"]["Fn::Sub"] for i in integrations.values())


def test_a_route_that_asks_for_staff_keeps_its_authorizer() -> None:
    routes = {route["RouteKey"]: route for route in of_type("AWS::ApiGatewayV2::Route").values()}

    assert routes["POST /v1/desk/lease-imports"]["AuthorizationType"] == "JWT"
    assert routes["POST /v1/desk/lease-imports"]["AuthorizerId"] == {"Ref": "ApiAuthorizerStaff"}
    assert "AuthorizationType" not in routes["GET /v1/desk/lease-imports/{import_id}"]


def test_the_authorizer_keeps_its_issuer_and_its_audience() -> None:
    (authorizer,) = of_type("AWS::ApiGatewayV2::Authorizer").values()

    assert authorizer["JwtConfiguration"] == {"Issuer": "https://issuer.example", "Audience": ["desk"]}
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]


def test_the_api_has_its_pinned_id_its_cors_and_no_body() -> None:
    (api,) = of_type("AWS::ApiGatewayV2::Api").values()

    assert api["Tags"]["ms-custom-id"] == "5e5a3e00"
    assert api["ProtocolType"] == "HTTP"
    assert api["CorsConfiguration"] == {"AllowOrigins": ["https://portal.example"], "AllowMethods": ["GET"]}
    assert "Body" not in api


def test_the_portal_has_a_host_of_its_own_that_serves_the_api_at_its_root() -> None:
    (domain,) = of_type("AWS::ApiGatewayV2::DomainName").values()
    (mapping,) = of_type("AWS::ApiGatewayV2::ApiMapping").values()

    assert domain["DomainName"] == mapping["DomainName"] == "sesame.localhost"
    assert mapping["ApiId"] == {"Ref": "Api"}
    assert "ApiMappingKey" not in mapping


def test_what_the_emulator_refuses_is_left_out_and_named() -> None:
    expansion = expanded()

    assert expansion.dropped == (("Spending", "AWS::Budgets::Budget"), ("Sum", "AWS::CloudWatch::Alarm"))
    assert not {"Spending", "Sum"} & set(expansion.template["Resources"])
    assert expansion.template["Resources"]["Topic"]["DependsOn"] == []
    assert list(expansion.template["Outputs"]) == ["TopicName"]


def test_requests_without_tls_are_let_in_since_loopback_has_none() -> None:
    (policy,) = of_type("AWS::SQS::QueuePolicy").values()

    assert policy["PolicyDocument"]["Statement"] == [{"Sid": "Rules", "Effect": "Allow"}]
    assert of_type("AWS::S3::BucketPolicy") == {}


def test_roles_are_put_in_the_words_of_the_emulator_and_no_wider() -> None:
    role = of_type("AWS::IAM::Role")["DeskFunctionRole"]

    queue, mail = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert queue["Action"] == ["sqs:SendMessage", "sqs:SendMessageBatch"]
    assert queue["Resource"] == {"Fn::GetAtt": ["Topic", "TopicArn"]}
    assert mail["Resource"] == "*", "the emulator asks about no resource when e-mail is sent"


def test_few_processes_work_through_a_queue_on_a_laptop() -> None:
    mappings = of_type("AWS::Lambda::EventSourceMapping")

    assert mappings["DeskFunctionQueue"]["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert "ScalingConfig" not in mappings["DeskFunctionStream"]


def test_code_comes_from_where_it_was_uploaded() -> None:
    (function,) = of_type("AWS::Lambda::Function").values()

    assert function["Code"] == {"S3Bucket": "artefacts", "S3Key": "desk.zip"}


def test_a_path_inside_a_layer_is_forgotten_since_layers_are_not_unpacked_there() -> None:
    (function,) = of_type("AWS::Lambda::Function").values()

    assert function["Environment"]["Variables"] == {"STAGE": {"Ref": "Stage"}}


@pytest.mark.parametrize(("schedules", "state"), [(True, None), (False, "DISABLED")])
def test_the_clocks_jobs_can_be_held_back(schedules: bool, state: str | None) -> None:
    (schedule,) = of_type("AWS::Scheduler::Schedule", schedules=schedules).values()

    assert schedule.get("State") == state


def test_a_route_under_a_condition_stays_under_it() -> None:
    conditional = TEMPLATE.replace(
        "Type: AWS::Serverless::Function", "Type: AWS::Serverless::Function\n    Condition: IsLocal"
    )

    resources = expanded(template=conditional).template["Resources"].values()

    for resource in resources:
        if resource["Type"] in {"AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration"}:
            assert resource["Condition"] == "IsLocal"


def test_the_template_given_is_left_as_it_was() -> None:
    template = yaml_parse(TEMPLATE)
    local = Local(region="eu-west-3", api_id="5e5a3e00", portal_host="sesame.localhost")

    expand(template, {"Stage": "local"}, CODE, local)

    assert template == yaml_parse(TEMPLATE)


def test_the_same_template_expands_to_the_same_thing() -> None:
    assert expanded().template == expanded().template
