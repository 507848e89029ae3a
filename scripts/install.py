"""Make the virtual environment of a project and install sets of packages into it.

Projects with the same pins share an environment, which is named after a checksum of them. So no project's pins change
what another one trains or serves with. The link .venv/<project> leads to the environment of a project.
"""

# Written so that an old Python can still say that it is too old.
import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, TOO_NEW = (3, 11), (3, 14)  # TensorFlow has no release for 3.14
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
FILES = {"serving": "requirements.txt", "training": "requirements-train.txt"}  # the sets that a project itself names
PYTHON = ".".join(map(str, sys.version_info[:3]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a project folder; or any other name, for an environment without a project's packages")
    parser.add_argument("sets", nargs="*", help="serving, training, or a dependency group of pyproject.toml")
    parser.add_argument("--to", default=os.path.join(ROOT, ".venv"), help="the folder of all environments")
    args = parser.parse_args()
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        use_another_python()
    pins = [os.path.join(ROOT, args.name, file) for file in FILES.values()]
    pins = [path for path in pins if os.path.exists(path)]
    folder = os.path.join(args.to, checksum(pins) if pins else args.name + "-" + checksum([]))
    os.makedirs(args.to, exist_ok=True)
    with locked(args.to):
        wanted = {name: packages_of(args.name, name) for name in args.sets}
        missing = {name: packages for name, packages in wanted.items() if stamp(folder, name) != packages}
        if missing or not os.path.exists(os.path.join(folder, "bin", "python")):
            make_venv(folder, os.path.relpath(os.path.join(args.to, args.name)))
            install_sets(folder, missing, pins)
        link(os.path.join(args.to, args.name), os.path.basename(folder))


def use_another_python():
    """Starts over with a Python that fits, or ends with one line."""
    for name in ("python3.13", "python3.12", "python3.11"):
        path = shutil.which(name)
        if path and subprocess.call([path, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            os.execv(path, [path, *sys.argv])
    sys.exit(
        "Python %s does not fit: 3.11, 3.12 or 3.13 is needed. Install one, or name it: make PYTHON=/path/to/python3.12" % PYTHON
    )


def checksum(pins):
    """Name an environment after all that decides which packages it gets."""
    found = hashlib.sha256(PYTHON.encode())
    for path in [*pins, os.path.abspath(__file__)]:
        with open(path, "rb") as file:
            found.update(b"\0" + file.read())
    return found.hexdigest()[:10]


@contextlib.contextmanager
def locked(folder):
    """Wait until no other process installs into the environments of this folder."""
    with open(os.path.join(folder, ".lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another command that installs packages", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def link(path, target):
    """Make or change a symbolic link, so that it exists at every moment."""
    if not os.path.islink(path) or os.readlink(path) != target:
        os.symlink(target, path + ".new")
        os.replace(path + ".new", path)


def stamp(folder, name, packages=None):
    """Return the packages that were last installed as a set of this name, or note them."""
    path = os.path.join(folder, name + ".stamp")
    if packages is not None:
        with open(path, "w") as file:
            file.write("\n".join(packages))
    try:
        with open(path) as file:
            return file.read().split("\n")
    except FileNotFoundError:
        return None


def packages_of(project, name):
    """Return the requirements of a set: a project's file, or a dependency group (PEP 735)."""
    if name in FILES:
        with open(os.path.join(ROOT, project, FILES[name])) as file:
            return file.read().split("\n")
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        return tomllib.load(file)["dependency-groups"][name]


def make_venv(folder, shown):
    """Make a virtual environment where it is missing or broken. The checkout is on its path."""
    python = os.path.join(folder, "bin", "python")
    if os.path.exists(python) and subprocess.call([python, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0:
        return
    print("making %s with Python %s" % (shown, PYTHON), flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], capture_output=True, text=True)
    if made.returncode:
        reason = "install python3-venv" if "ensurepip" in made.stdout + made.stderr else made.stderr.strip()[-300:]
        sys.exit("the virtual environment could not be made: " + reason)
    # As an editable install would do: scripts find `shared` and each other from anywhere.
    site = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True)
    with open(os.path.join(site.strip(), "checkout.pth"), "w") as pth:
        pth.write(os.path.relpath(ROOT, site.strip()) + "\n")


def install_sets(folder, sets, pins):
    """Install sets of packages, none of which may change what the project pins."""
    python = os.path.join(folder, "bin", "python")
    arguments = []
    for name, packages in sets.items():
        if name in FILES:
            path = pins[list(FILES).index(name)]
            arguments += ["-r", path]
            if sys.platform == "linux":
                install_cpu_torch(python, path)
        else:
            arguments += packages
    if arguments:
        constraints = os.path.join(folder, "pins.txt")
        with open(constraints, "w") as file:
            file.writelines(pin + "\n" for path in pins for pin in pinned(path))
        install(python, [*arguments, "-c", constraints], os.path.join(folder, "pip.log"), ", ".join(sets))
    for name, packages in sets.items():
        stamp(folder, name, packages)


def pinned(path):
    """Return the requirements of a file as constraints: without options, hashes, extras and comments."""
    with open(path) as file:
        lines = file.read().replace("\\\n", " ").split("\n")
    pins = [line.split(" #")[0].split(" --")[0].strip() for line in lines if not line.startswith(("#", "-"))]
    for at, pin in enumerate(pins):
        if "[" in pin.split(";")[0]:
            pins[at] = pin[: pin.index("[")] + pin[pin.index("]") + 1 :]
    return [pin for pin in pins if pin]


def install_cpu_torch(python, path):
    """Installs the torch that a requirements file pins, as a CPU build; pip then finds it there.

    A step of its own, because PyPI's torch for Linux is a CUDA build of several GB, and because an index more
    would be asked for each of the other packages too.
    """
    pins = [pin for pin in pinned(path) if pin.startswith("torch==")]
    asked = "import importlib.metadata as m; print('torch==' + m.version('torch').split('+')[0])"
    found = subprocess.run([python, "-c", asked], capture_output=True, text=True)
    if not pins or found.stdout.strip() == pins[0]:
        return
    print("installing %s, the CPU build" % pins[0], flush=True)
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "0", "--timeout", "20", "--no-deps"]
    command += ["--extra-index-url", CPU_TORCH, pins[0] + "+cpu"]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        print("%s has no such build, or cannot be reached: pip takes its own, which may be large" % CPU_TORCH, flush=True)


def install(python, packages, log, what):
    """Runs pip, with what it is doing on one line; the whole of its output is in the log."""
    print("installing %s" % what, flush=True)
    # Few retries: without a network, pip would otherwise try for minutes before it says so.
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "1", *packages]
    with open(log, "w") as file, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout
        for line in pip.stdout:
            file.write(line)
            if sys.stdout.isatty() and line.startswith(("Collecting", "Downloading", "  Downloading", "Installing")):
                print("\r\033[K  " + line.strip()[:100], end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if pip.returncode:
        with open(log) as file:
            sys.exit(why_pip_failed(file.read().splitlines(), log))


def why_pip_failed(lines, log):
    """Say in one line what to do about pip's output."""
    if any("NewConnectionError" in line or "Connection to" in line or "Max retries" in line for line in lines):
        return "pip reaches no package index: check the network and run the same command again (details: %s)" % log
    asked = [line.strip()[len("The user requested ") :] for line in lines if line.strip().startswith("The user requested ")]
    if any("ResolutionImpossible" in line for line in lines) and asked:
        return "these pins do not fit together: %s. Change one of them (details: %s)" % (", ".join(asked), log)
    reason = next((line for line in lines if line.startswith("ERROR")), "see the log")
    return "pip failed: %s (details: %s)" % (reason, log)


if __name__ == "__main__":
    main()
