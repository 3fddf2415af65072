# gdb -x examples/racy_scan.gdb build/examples/racy_scan
# Thread 37 of block 3 of racy_scan_kernel: up to its first addition, and over the barrier behind it.
set pagination off
source scripts/gdb/curie_emu.py
break racy_scan.cu:26 if threadIdx.x == 37 && blockIdx.x == 3
run
print histograms[i - 1]
print of[t - d]
cuda-threads
next
next
print threadIdx.x
cuda-thread 36
