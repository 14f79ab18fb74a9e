//! The `ipt` program.

/// Faults in fewer pages than glibc's allocator where tensors come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {}
