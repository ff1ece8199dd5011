"""A faulty scenario is told with its file, line, and what would be right."""

import re
from pathlib import Path

import pytest
from uhep_tools.expect import ScenarioError, load, parse


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "scenario is empty; `packets:` with a list is the least"),
        ("# nothing", "scenario is empty; `packets:` with a list is the least"),
        ("packets", "line 1: the scenario must be keys with values, not one value"),
        ("what: x", "line 1: `packets:` is missing, the list of what should come"),
        ("packets: {}", "line 1: packets must be a list, not keys with values"),
        ("packets:\n- sip", "line 2: a packet must be keys with values, not one value"),
        ("packets: [", "line 1: while parsing a flow node expected the node content"),
        ("packets: [{key: a?b, c]", "line 1: while parsing a flow mapping"),
        ("packets: []\n---\npackets: []", "line 2: expected a single document"),
        ("a: &x [*x]\npackets: []", "line 1: unknown key 'a' in the scenario; known are: defaul"),
        ("packet: []", "line 1: unknown key 'packet' in the scenario; 'packets' may be meant; "),
        ("packets:\n- kee: x", "line 2: unknown key 'kee' in a packet; 'key' may be meant; known"),
        ("packets:\n- key: a\n  key: b", "line 3: 'key' is there already, in line 2"),
        ("packets: [{1: 2}]", "line 1: unknown key '1' in a packet; known are: correlation, "),
        ("packets: [{[a]: b}]", "line 1: a key of a packet must be one value, not a list"),
        ("packets:\n- sip:\n    headres: {}", "line 3: unknown key 'headres' in sip; 'headers'"),
        ("packets: [{sip: {headers: [To]}}]", "line 1: headers must be keys with values, not a"),
        ("packets: [{sip: {headers: {To: {a: b}}}}]", "header To must be one value, not keys"),
        ("packets: [{sip: {headers: {To: a, t: b}}}]", "header 't' is there already"),
        ("packets: [{sip: INVITE}]", "line 1: sip must be keys with values, not one value"),
        ("defaults: {json: {}}\npackets: []", "line 1: unknown key 'json' in defaults"),
        ("defaults: {times: 2}\npackets: []", "line 1: unknown key 'times' in defaults"),
        ("order: none\npackets: []", "line 1: order is 'none'; use listed (as below) or any"),
        ("packets: []\nrules: {exakt: true}", "line 2: unknown key 'exakt' in rules; 'exact' may"),
        ("rules: {exact: no}\npackets: []", "line 1: exact is 'no'; use true or false"),
        ("ignore: log\npackets: []", "line 1: ignore must be a list, not one value"),
        ("ignore: [logs]\npackets: []", "a type to ignore is 'logs'; use a number or one of: sip"),
        ("packets: [{type: sips}]", "type is 'sips'; use a number or one of: sip, rtcp, log"),
        ("packets: [{transport: 5060x}]", "'5060x'; use a number or one of: tcp, udp, tls, sctp"),
        ("packets: [{family: 1.5}]", "family is '1.5'; use a number or one of: ipv4, ipv6"),
        ("packets: [{node: desk}]", "node is 'desk'; use a number"),
        ("packets: [{node: '2001'}]", "node is '2001'; use a number"),
        ("packets: [{src_port: [1]}]", "src_port must be one value, not a list"),
        ("packets: [{sip: {status: OK}}]", "status is 'OK'; use a number"),
        ("packets: [{src: 192.0.2.1}]", "'192.0.2.1'; it needs a port, as 192.0.2.1:5060"),
        ("packets: [{dst: '::1'}]", "dst is '::1'; it needs a port, as [::1]:5060"),
        ("packets: [{src: desk:5060}]", "src is 'desk:5060'; 'desk' is no numeric IP address"),
        ("packets: [{src_address: '::g'}]", "src_address is '::g'; '::g' is no numeric IP add"),
        ("packets: [{src: 192.0.2.1:sip}]", "the port must be a number from 0 to 65535"),
        ("packets: [{name: /(/}]", "line 1: /(/ is no regular expression: missing ), unterminat"),
        ("packets: [{name: $}]", r"line 1: '$' is no variable such as $peer; for this very text"),
        ("packets: [{json: {a: $5}}]", r"'$5' is no variable such as $peer; for this very text: "),
        ("packets:\n- {}\n- times: 0", "line 3: times is '0'; use a number from 1 to 10000"),
        ("packets:\n- {}\n- times: true", "line 3: times is 'true'; use a number from 1 to"),
        (
            "packets:\n- {}\n- {src: $peer}",
            "line 3: the variable peer is used in this packet only",
        ),
        ("packets:\n- {name: '/(?P<n>.)/'}", "line 2: the variable n is used in this packet only"),
        ("defaults: {key: $k}\npackets: [{}]", "line 2: the variable k is used in this packet"),
        ("packets: [{json: !!int x}]", "line 1: json is 'x', which is no tag:yaml.org,2002:int"),
        ("packets: [{<<: 5}]", "line 1: expected a mapping or list of mappings for merging"),
        ("packets: [{json: &a [*a]}]", "scenario is nested too deeply"),
        ("packets: " + "[" * 5000, "scenario is nested too deeply"),
        ("packets: \x07", "line 1: special characters are not allowed"),
    ],
)
def test_faulty_yaml(text, said):
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    assert str(caught.value).startswith("scenario")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_variables_from_outside():
    text = "packets: [{src: $device, key: $key}, {src: $device, key: $key}]"
    assert parse(text, {"device": "a", "key": "b"}).given == {"device": "a", "key": "b"}
    assert parse("packets: [{src: $device}]", {"device": "a"})
    with pytest.raises(ScenarioError, match="does not use the variable devcie; 'device' may be"):
        parse(text, {"devcie": "a"})


def test_a_file_that_can_not_be_read(tmp_path):
    with pytest.raises(ScenarioError, match="none.yaml can not be read: No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"what: \xff")
    with pytest.raises(ScenarioError, match="bad.yaml is not UTF-8 text"):
        load(tmp_path / "bad.yaml")
    (tmp_path / "faulty.yaml").write_text("packets:\n- kee: x")
    with pytest.raises(ScenarioError, match="faulty.yaml, line 2: unknown key"):
        load(str(tmp_path / "faulty.yaml"))


def test_what_a_packet_inherits():
    text = """
    defaults: &all {name: desk-17, sip: {method: INVITE, headers: {From: /100/, To: /no/}}}
    packets:
    - sip: {headers: {t: /200/}}
    - {name: lobby, type: log}
    - <<: *all
      name: hall
      sip: {}
    """
    first, second, third = parse(text).packets
    assert {check.label for check in first.checks} == {"name", "type", "method", "From", "t"}
    assert [check.pattern.told({}) for check in first.checks if check.label == "t"] == ["/200/"]
    assert {check.label for check in second.checks} == {"name", "type"}
    assert [c.pattern.told({}) for c in third.checks if c.label == "name"] == ['"hall"']
    assert (first.what, second.what) == ("INVITE", "log")


def test_addresses_may_be_written_in_any_way():
    text = "packets: [{src: '[2001:DB8:0::1]:5060', dst_address: 2001:db8:0:0::2}]"
    [packet] = parse(text).packets
    told = [check.pattern.told({}) for check in packet.checks]
    assert told == ['"[2001:db8::1]:5060"', '"2001:db8::2"']


def test_the_example_of_the_readme():
    readme = (Path(__file__).parents[1] / "tools" / "README.md").read_text()
    [example] = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    scenario = parse(example)
    titles = [each.what for each in scenario.packets]
    assert titles == ["INVITE", "100", "200", "ACK", "RTCP", "BYE", "200"]
