"""Makes the virtual environment of a project, and installs what is asked for into it.

An environment belongs to one set of pins and one Python: .venv/<checksum>, to which .venv/<project>
    links. So no project's pins
change what another trains or serves with, and a copy of a folder takes the environment of its
original until its pins differ.
"""

# Written so that an old Python can still say that it is too old.
import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, TOO_NEW = (3, 11), (3, 14)  # TensorFlow has no release for 3.14
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
PINS = ("requirements.txt", "requirements-train.txt")  # in each project folder
PARTS = {  # what a project's environment can hold: its own pins, and groups of pyproject.toml
    "run": ("requirements.txt", "run"),  # to serve and to invoke
    "train": ("requirements-train.txt",),  # to train and to export
    "dev": ("requirements.txt", "dev"),  # to test
}
TOOLS = {
    "lint": "dev",
    "local-aws": "local-aws",
}  # environments of no project: a group of pyproject.toml


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a project folder, or one of %s" % ", ".join(TOOLS))
    parser.add_argument("parts", nargs="*", help="of a project: %s" % ", ".join(PARTS))
    args = parser.parse_args()
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        use_another_python()
    for part in args.parts:
        if part not in PARTS:
            parser.error("%s is none of %s" % (part, ", ".join(PARTS)))
    install(args.name, args.parts)


def use_another_python():
    """Starts over with a Python that fits, or ends with one line."""
    for name in ("python3.13", "python3.12", "python3.11"):
        path = shutil.which(name)
        if (
            path
            and subprocess.call(
                [path, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            == 0
        ):
            os.execv(path, [path, *sys.argv])
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        "Python %s does not fit: 3.11, 3.12 or 3.13 is needed. Install one, or name it: make "
        "PYTHON=/path/to/python3.12" % version
    )


def install(name, parts):
    """Brings the environment of a project, or of one of TOOLS, up to date. Ends the program with
    one line where that fails.
    """
    folder = os.path.join(ROOT, ".venv", environment_id(name))
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with locked(folder + ".lock"):
        record = os.path.join(folder, "installed.json")
        python = make_venv(folder, name, record)
        with open(record) as file:
            installed = json.load(file)
        for sources in [PARTS[part] for part in parts] if name not in TOOLS else [[TOOLS[name]]]:
            packages, content = packages_of(name, sources)
            label = ", ".join(
                "%s/%s" % (name, source) if source in PINS else source for source in sources
            )
            # By content: the same environment serves each folder with the same pins.
            if content not in installed:
                pip_install(python, folder, packages, label)
                installed.append(content)
                write_json(record, installed)
        link(folder, os.path.join(ROOT, ".venv", name))


def environment_id(name):
    """The name of the folder for the pins of a project, or for a tool: 12 hexadecimal digits."""
    what = (
        name
        if name in TOOLS
        else "".join(line for file_name in PINS for line in read_pins(name, file_name))
    )
    return checksum("%d.%d\n" % sys.version_info[:2] + what)[:12]


def checksum(text):
    return hashlib.sha256(text.encode()).hexdigest()


def read_pins(name, file_name):
    """The lines of a requirements file of a project, and of those that it includes, without
    comments.
    """
    lines = []
    try:
        with open(os.path.join(ROOT, name, file_name)) as file:
            for line in file:
                line = re.sub(r"(^|\s)#.*", "", line).strip()
                if line:
                    lines.append(line + "\n")
                included = re.match(r"\s*(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)", line)
                if included:
                    lines += read_pins(
                        name, os.path.join(os.path.dirname(file_name), included.group(1))
                    )
    except OSError as error:
        sys.exit("%s/%s cannot be read: %s" % (name, file_name, error.strerror))
    return lines


def packages_of(name, sources):
    """The arguments for pip, and a checksum of what they stand for. sources: names in PINS, and of
    groups of pyproject.toml.

    Where the project pins a package that is in a group too, the project's pin is taken.
    """
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        groups = tomllib.load(file)["dependency-groups"]
    lines = (
        [line for file_name in PINS for line in read_pins(name, file_name)]
        if name not in TOOLS
        else []
    )
    pins = {distribution(line): line.strip() for line in lines if line[:1].isalnum()}
    arguments, content = [], ""
    for source in sources:
        if source in PINS:
            arguments += ["-r", os.path.join(ROOT, name, source)]
            content += "".join(read_pins(name, source))
        else:
            packages = [pins.get(distribution(package), package) for package in groups[source]]
            arguments += packages
            content += "\n".join(packages)
    return arguments, checksum(content)


def distribution(requirement):
    """The normalized name of the package in a requirement: PEP 503."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()


@contextlib.contextmanager
def locked(path):
    """Lets one process in at a time, and says so where it waits for another."""
    import fcntl

    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(
                "waiting for another make, which holds %s" % os.path.relpath(path, ROOT), flush=True
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_venv(folder, name, record):
    """The path of a virtual environment's Python, made where it is missing. The checkout is on its
    path.

    record: a file that is written last, with an empty list of what is installed.
    """
    python = os.path.join(folder, "bin", "python")
    if os.path.exists(record) and os.path.exists(
        python
    ):  # which is a link: False where that Python was removed
        return python
    print("making .venv/%s with Python %s" % (name, sys.version.split()[0]), flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", folder], capture_output=True, text=True
    )
    if made.returncode:
        reason = (
            "install python3-venv"
            if "ensurepip" in made.stdout + made.stderr
            else made.stderr.strip()[-300:]
        )
        sys.exit("the virtual environment could not be made: " + reason)
    # As an editable install would do: scripts find `shared` and each other from anywhere.
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    with open(os.path.join(site, "checkout.pth"), "w") as pth:
        pth.write(os.path.relpath(ROOT, os.path.realpath(site)) + "\n")
    write_json(record, [])
    return python


def link(folder, path):
    """Makes path a link to the folder, in one step, so that nobody finds it missing."""
    target = os.path.basename(folder)
    if not os.path.islink(path) or os.readlink(path) != target:
        new = "%s.%d" % (path, os.getpid())
        os.symlink(target, new)
        os.replace(new, path)


def write_json(path, value):
    with open(path + ".new", "w") as file:
        json.dump(value, file)
    os.replace(path + ".new", path)


def pip_install(python, folder, packages, label):
    """Runs pip with some arguments, what it is doing on one line; the whole of its output is in
    pip.log.
    """
    if sys.platform == "linux" and packages[0] == "-r":
        install_cpu_torch(python, packages[1])
    print("installing %s" % label, flush=True)
    log = os.path.join(folder, "pip.log")
    # Few retries: without a network, pip would otherwise try for minutes before it says so.
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--retries",
        "1",
        *packages,
    ]
    with (
        open(log, "w") as file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as pip,
    ):
        assert pip.stdout
        for line in pip.stdout:
            file.write(line)
            if sys.stdout.isatty() and line.startswith(
                ("Collecting", "Downloading", "  Downloading", "Installing")
            ):
                print("\r\033[K  " + line.strip()[:100], end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if pip.returncode:
        explain(os.path.relpath(log, ROOT), log)


def install_cpu_torch(python, path):
    """Installs the torch that a requirements file pins, as a CPU build; pip then finds it there.

    A step of its own, because PyPI's torch for Linux is a CUDA build of several GB, and because an
    index more would be asked for each of the other packages too.
    """
    with open(path) as file:
        pin = next((line.split()[0] for line in file if line.startswith("torch==")), None)
    asked = "import importlib.metadata as m; print('torch==' + m.version('torch').split('+')[0])"
    if (
        not pin
        or subprocess.run([python, "-c", asked], capture_output=True, text=True).stdout.strip()
        == pin
    ):
        return
    print("installing %s, the CPU build" % pin, flush=True)
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--retries",
        "0",
        "--timeout",
        "20",
        "--no-deps",
    ]
    command += ["--extra-index-url", CPU_TORCH, pin + "+cpu"]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        print(
            "%s has no such build, or cannot be reached: pip takes its own, which may be large"
            % CPU_TORCH,
            flush=True,
        )


def explain(name, log):
    """Ends the program with one line about why pip failed."""
    with open(log) as file:
        lines = file.read().splitlines()
    if any(
        "NewConnectionError" in line or "Connection to" in line or "Max retries" in line
        for line in lines
    ):
        sys.exit(
            "pip reaches no package index: check the network and run the same command again "
            "(details: %s)" % name
        )
    reason = next((line for line in lines if line.startswith("ERROR")), "see the log")
    sys.exit("pip failed: %s (details: %s)" % (reason, name))


if __name__ == "__main__":
    main()
