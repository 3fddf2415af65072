// Ctrl-C and SIGTERM: the first one asks for an orderly end, the second ends the program at once.
#pragma once

namespace curie {

void catch_interrupts();
bool interrupted();

}  // namespace curie
