"""The call of an endpoint in a few lines, to paste: Python, a shell with curl, JavaScript.

None needs a package, and all work as they stand where `serve` runs on the same machine.
"""

import json
import shlex

HOST, PORT = "127.0.0.1", 8000  # unless others are chosen
TEXT = "It was worth every minute."


def command(ref: str) -> str:
    """What starts the endpoint."""
    return f"python -m ftcore serve {shlex.quote(ref)} --port {PORT}"


def snippets(text: str = TEXT) -> dict[str, str]:
    """The call for a text, by the name of the language."""
    address, spelled = f"http://{HOST}:{PORT}/predict", json.dumps(text, ensure_ascii=False)
    python = f"""\
import json, urllib.request
body = json.dumps({{"texts": [{spelled}]}}).encode()
request = urllib.request.Request("{address}", body, {{"Content-Type": "application/json"}})
[prediction] = json.load(urllib.request.urlopen(request))["predictions"]
print(prediction["label"], prediction["probabilities"])"""
    body = json.dumps({"texts": [text]}, ensure_ascii=False)
    curl = f"""\
curl --silent --show-error {address} \\
  --header 'Content-Type: application/json' \\
  --data {shlex.quote(body)}"""
    javascript = f"""\
const body = JSON.stringify({{ texts: [{spelled}] }});
const options = {{ method: "POST", headers: {{ "Content-Type": "application/json" }}, body }};
const response = await fetch("{address}", options);
const [prediction] = (await response.json()).predictions;
console.log(prediction.label, prediction.probabilities);"""
    return {"Python": python, "curl": curl, "JavaScript": javascript}
