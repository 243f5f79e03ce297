//! The allocator of a release, which is linked with musl. It is small, as Lambda gives an instance one invocation at
//! a time, and quicker than musl's own.

use dlmalloc::GlobalDlmalloc;

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;
