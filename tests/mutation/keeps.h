// Included in front of the kernel files that scripts/mutation_test has rewritten: each barrier, fence and cp.async word
// there runs only when it is kept.
#pragma once

extern "C" bool curie_keeps(int word);
