"""What breaks things on purpose: processes killed, wires cut, disks filled, clocks moved."""
