"""gdb commands for kernels that run in the emulator.

  (gdb) source scripts/gdb/curie_emu.py
  (gdb) cuda-threads            the threads of the running block: what each does, and where
  (gdb) cuda-thread 37          where thread 37 is (its linear index in the block)
  (gdb) cuda-thread 37 bt       any other command in its context

threadIdx, blockIdx and the rest are ordinary variables, so `break softmax.cu:20 if threadIdx.x == 37` needs no helper. In a
Debug build `next` over __syncthreads() stays in the same CUDA thread.
"""

import gdb

MACHINE = "'curie::emu::Machine::instance()::machine'"
STATES = {
    "waiting_to_start": "has not started",
    "ready": "can run",
    "at_barrier": "waits at __syncthreads",
    "at_warp_operation": "waits at {word}",
    "ended": "has returned",
}
WORDS = {"sync": "__syncwarp", "shuffle": "a shuffle", "vote": "a vote", "ldmatrix": "ldmatrix", "mma": "mma"}
# What curie_emu_switch leaves on a stack (src/emu/fiber.cpp), lowest address first.
SAVED = {
    "i386:x86-64": (("r15", "r14", "r13", "r12", "rbx", "rbp", "rip"), "rsp", 7 * 8, {}),
    "aarch64": (
        tuple(f"x{n}" for n in range(19, 31)),
        "sp",
        160,
        {"pc": "x30"},
    ),
}


def machine():
    found = gdb.parse_and_eval(MACHINE)
    if int(found["current_"]) == 0:
        raise gdb.GdbError("no kernel is running")
    return found


def threads(m):
    first = m["threads_"]["_M_impl"]["_M_start"]
    return [first[i] for i in range(int(m["thread_count_"]))]


def short(enumerator):
    return str(enumerator).split("::")[-1]


def line_of(where):
    return f"{where['file'].string().split('/')[-1]}:{int(where['line'])}"


def is_kernel_code(sal):
    return sal.symtab is not None and not any(
        part in sal.symtab.filename for part in ("src/emu/", "/usr/", "cuda/launch.cuh", "../sysdeps")
    )


def kernel_frames():
    """The frames of the selected stack that are the kernel's, not the emulator's."""
    frame = gdb.newest_frame()
    while frame is not None:
        if is_kernel_code(frame.find_sal()):
            yield frame
        frame = frame.older()


def running_line():
    for frame in kernel_frames():
        sal = frame.find_sal()
        return f"{sal.symtab.filename.split('/')[-1]}:{sal.line}"
    return "?"


def print_kernel_frames():
    for frame in kernel_frames():
        sal = frame.find_sal()
        print(f"    {frame.name()} at {sal.symtab.filename.split('/')[-1]}:{sal.line}")


def describe(thread, m):
    if int(thread.address) == int(m["current_"]):
        return f"runs, {running_line()}"
    state = short(thread["state"])
    text = STATES[state].format(word=WORDS[short(thread["word"])])
    return f"{text}, {line_of(thread['where'])}" if state.startswith("at_") else text


def index(thread):
    at = thread["index"]
    return f"({int(at['x'])},{int(at['y'])},{int(at['z'])})"


def run(command):
    if command is None:
        print_kernel_frames()
    else:
        gdb.execute(command)


class CudaThreads(gdb.Command):
    """cuda-threads: the threads of the running block, with state and source line."""

    def __init__(self):
        super().__init__("cuda-threads", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        m = machine()
        block = gdb.parse_and_eval("blockIdx")
        print(f"kernel {m['grid_']['name'].string()}, block ({block['x']},{block['y']},{block['z']})")
        all_threads = threads(m)
        texts = [describe(t, m) for t in all_threads]
        first = 0
        for i in range(1, len(texts) + 1):
            if i < len(texts) and texts[i] == texts[first]:
                continue
            mark = "*" if texts[first].startswith("runs") else " "
            name = f"{first}" if i - 1 == first else f"{first} to {i - 1}"
            print(f"{mark} {name:12} {index(all_threads[first]):12} {texts[first]}")
            first = i


class CudaThread(gdb.Command):
    """cuda-thread N [COMMAND]: the kernel's frames of thread N, or a command such as bt in its context."""

    def __init__(self):
        super().__init__("cuda-thread", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = argument.split(None, 1)
        if not words or not words[0].isdigit():
            raise gdb.GdbError("cuda-thread N [COMMAND]")
        m = machine()
        all_threads = threads(m)
        number, command = int(words[0]), words[1] if len(words) > 1 else None
        if number >= len(all_threads):
            raise gdb.GdbError(f"the block has {len(all_threads)} threads")
        thread = all_threads[number]
        print(f"thread {number} {index(thread)} {describe(thread, m)}")
        if int(thread.address) == int(m["current_"]):
            run(command)
        elif int(thread["fiber"]) != 0:
            self.in_fiber(thread["fiber"].dereference(), command)

    @staticmethod
    def in_fiber(fiber, command):
        if "stack_pointer_" not in [f.name for f in fiber.type.fields()]:
            raise gdb.GdbError("this build switches stacks by ucontext")
        registers, stack, bytes_saved, copies = SAVED[gdb.selected_inferior().architecture().name()]
        pointer = int(fiber["stack_pointer_"])
        selected = gdb.selected_frame()
        gdb.newest_frame().select()
        before = {r: int(gdb.parse_and_eval(f"(unsigned long)${r}")) for r in (*registers, stack, *copies)}
        saved = {
            r: int(gdb.parse_and_eval(f"*(unsigned long*){pointer + 8 * i}")) for i, r in enumerate(registers)
        }
        saved.update({to: saved[of] for to, of in copies.items()})
        saved[stack] = pointer + bytes_saved
        try:
            for register, value in saved.items():
                gdb.execute(f"set ${register} = {value}")
            run(command)
        finally:
            gdb.newest_frame().select()
            for register, value in before.items():
                gdb.execute(f"set ${register} = {value}")
            if selected.is_valid():
                selected.select()


CudaThreads()
CudaThread()
