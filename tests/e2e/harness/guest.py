"""A machine with a kernel of its own, in QEMU: what this machine's kernel lacks can be tried there.

The guest sees this machine's files (virtiofs, nothing written gets back), has a Debian kernel with
its modules, and runs one shell script. Without acceleration it is some 20 times slower than here.
"""

import pathlib
import subprocess
import tempfile
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
KERNEL = REPOSITORY / "build/kernel"  # unpacked packages: ./dev test puts them there
BUSYBOX = KERNEL / "bin/busybox"  # static
VIRTIOFSD = pathlib.Path("/usr/lib/qemu/virtiofsd")
MEMORY_MIB = 1536
ACCELERATION = "kvm" if pathlib.Path("/dev/kvm").exists() else "tcg,thread=multi"
END_MARK = "GUEST ENDED "

# What the kernel is asked to load; what these lean on comes along (modprobe).
MODULES = ("virtio_pci", "virtiofs", "overlay", "virtio_rng", "wireguard", "veth", "tun",
           "nf_tables", "nft_ct", "nft_limit", "nft_reject_inet")
MODULE_FOLDERS = ("fs/fuse", "fs/overlayfs", "drivers/virtio", "drivers/char/hw_random",
                  "drivers/net/wireguard", "drivers/net/veth.ko", "drivers/net/tun.ko",
                  "net/netfilter", "net/ipv4", "net/ipv6", "crypto", "arch/x86/crypto", "lib")

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
depmod
for module in {modules}; do modprobe $module || echo "NO MODULE $module"; done
mount -t virtiofs host /host
mount -t tmpfs -o size=512m over /over
mkdir /over/upper /over/work /dev/pts
mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work root /root
for folder in proc sys dev; do mount -o bind /$folder /root/$folder; done
for folder in tmp run var/tmp; do mount -t tmpfs tmpfs /root/$folder; done
mount -t devpts pts /root/dev/pts
ip link set lo up
chroot /root /bin/bash /guest-script
echo "{end}$?"
poweroff -f
"""


def missing():
    """What this machine lacks to run a guest."""
    kernels = list(KERNEL.glob("boot/vmlinuz-*"))
    wanted = {"qemu-system-x86_64": pathlib.Path("/usr/bin/qemu-system-x86_64"),
              "virtiofsd": VIRTIOFSD, "busybox (./dev test fetches it)": BUSYBOX,
              "a kernel (./dev test fetches one)": kernels[0] if kernels else KERNEL / "boot"}
    return [what for what, path in wanted.items() if not path.is_file()]


def _initrd(folder, script):
    root = folder / "initrd"
    for name in ("bin", "sbin", "proc", "sys", "dev", "host", "over", "root"):
        (root / name).mkdir(parents=True)
    (root / "bin/busybox").write_bytes(BUSYBOX.read_bytes())
    (root / "bin/busybox").chmod(0o755)
    (modules,) = (KERNEL / "lib/modules").iterdir()
    target = root / "lib/modules" / modules.name
    for name in MODULE_FOLDERS:
        source, place = modules / "kernel" / name, target / "kernel" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", source, place], check=True)
    for file in modules.glob("modules.*"):
        (target / file.name).write_bytes(file.read_bytes())
    init = INIT.format(modules=" ".join(MODULES), end=END_MARK)
    init = init.replace("chroot /root", "cp /guest-script /root/guest-script\nchroot /root")
    (root / "init").write_text(init)
    (root / "init").chmod(0o755)
    (root / "guest-script").write_text(script)
    names = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
    with open(folder / "initrd.cpio", "wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names, stdout=out,
                       check=True)
    return folder / "initrd.cpio"


def run(script, within_s, on_line=lambda line: None):
    """Runs `script` (bash, as root of the guest); its exit code (None: no end within the time) and
    all that was printed."""
    with tempfile.TemporaryDirectory(prefix="alarmwire-guest-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        initrd = _initrd(folder, script)
        socket = folder / "files.sock"
        (kernel,) = KERNEL.glob("boot/vmlinuz-*")
        files = subprocess.Popen(
            [VIRTIOFSD, f"--socket-path={socket}", "-o", "source=/", "-o", "cache=always",
             "-o", "sandbox=chroot", "-f"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        machine = None
        try:
            while not socket.exists() and files.poll() is None:
                time.sleep(0.02)
            machine = subprocess.Popen(
                ["qemu-system-x86_64", "-machine", "q35", "-accel", ACCELERATION, "-cpu", "max",
                 "-smp", "2", "-m", str(MEMORY_MIB),
                 "-object", f"memory-backend-memfd,id=memory,size={MEMORY_MIB}M,share=on",
                 "-numa", "node,memdev=memory", "-nodefaults", "-nographic", "-no-reboot",
                 "-serial", "stdio", "-chardev", f"socket,id=files,path={socket}",
                 "-device", "vhost-user-fs-pci,chardev=files,tag=host", "-kernel", kernel,
                 "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            with machine.stdout:
                return _listen(machine, within_s, on_line)
        finally:
            for process in (machine, files):
                if process is not None:
                    process.kill()
                    process.wait()


def _listen(machine, within_s, on_line):
    code, lines = None, []
    timer = threading.Timer(within_s, machine.kill)
    timer.start()
    try:
        for raw in machine.stdout:
            line = raw.decode(errors="replace").rstrip()
            lines.append(line)
            on_line(line)
            if line.startswith(END_MARK):
                code = int(line[len(END_MARK):])
    finally:
        timer.cancel()
    return code, "\n".join(lines)
