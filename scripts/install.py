"""Create or update a virtual environment, for a project or for a tool.

python3 scripts/install.py churn-sklearn run train
"""

# Any python3 runs this file before a package is installed. An old one must be able to read it, to
# report that it is too old.
import argparse
import os
import shutil
import subprocess
import sys

OLDEST, TOO_NEW = (3, 11), (3, 14)  # TensorFlow has no release for 3.14


def main() -> None:
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        use_another_python()
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from scripts.packages import environments

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    tools, parts = ", ".join(environments.TOOLS), ", ".join(environments.PARTS)
    parser.add_argument("name", help="a project folder, or one of %s" % tools)
    parser.add_argument("parts", nargs="*", help="for a project: %s" % parts)
    args = parser.parse_args()
    for part in args.parts:
        if part not in environments.PARTS:
            parser.error("%s is none of %s" % (part, parts))
    environments.install(args.name, args.parts)


def use_another_python() -> None:
    """Run this command again with a Python that fits, or end it with one line."""
    for name in ("python3.13", "python3.12", "python3.11"):
        path = shutil.which(name)
        null = subprocess.DEVNULL
        if path and subprocess.call([path, "-c", ""], stdout=null, stderr=null) == 0:
            os.execv(path, [path] + sys.argv)  # noqa: S606 - no shell is needed
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        "Python %s does not fit: 3.11, 3.12 or 3.13 is needed. Install one, or name it: make "
        "PYTHON=/path/to/python3.12" % version
    )


if __name__ == "__main__":
    main()
