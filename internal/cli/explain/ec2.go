package explain

import (
	"io"
	"os"
	"strings"
)

// ec2Sign tells by what the firmware says whether this machine is an EC2 instance, without asking the network: the
// vendor and the instance's id on Nitro, the UUID's beginning on Xen. Linux only; "" when there is no sign.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
func ec2Sign() string {
	if tag := firmware("/sys/class/dmi/id/board_asset_tag"); strings.HasPrefix(tag, "i-") {
		return "instance " + tag
	}
	for _, name := range []string{"/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/bios_vendor"} {
		if v := firmware(name); strings.HasPrefix(v, "Amazon EC2") {
			return "its firmware says " + v
		}
	}
	if strings.HasPrefix(strings.ToLower(firmware("/sys/hypervisor/uuid")), "ec2") {
		return "the hypervisor's UUID begins with ec2"
	}
	return ""
}

// firmware reads a line of what the kernel tells.
func firmware(name string) string {
	f, err := os.Open(name) //nolint:gosec // a fixed name below /sys
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	text, _ := io.ReadAll(io.LimitReader(f, 256)) // what was read will do
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}
