//! The address space of this process: which pages are resident, and copying pages that a fork shares.

use std::io;
use std::ops::Range;

use super::checked::checked;

/// Page size of x86-64 in bytes.
const PAGE: usize = 4096;

/// Returns the parts of `range` that are resident in RAM; see mincore(2). Both ends must be page boundaries.
pub(crate) fn resident(range: Range<usize>) -> io::Result<Vec<Range<usize>>> {
    let mut pages = vec![0_u8; range.len().div_ceil(PAGE)];
    // SAFETY: the kernel writes one byte for each page of the range, and `pages` has that many.
    checked(unsafe { libc::mincore(range.start as *mut _, range.len(), pages.as_mut_ptr()) }.into())?;
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (number, _) in pages.iter().enumerate().filter(|(_, page)| **page & 1 == 1) {
        let start = range.start + number * PAGE;
        match runs.last_mut() {
            Some(last) if last.end == start => last.end += PAGE,
            _ => runs.push(start..start + PAGE),
        }
    }
    Ok(runs)
}

/// Copies the pages of `range` that are shared with the parent process in one call, instead of one page fault at a time.
/// The content stays the same. See MADV_POPULATE_WRITE in madvise(2); needs Linux 5.14.
pub(crate) fn copy_shared_pages(range: &Range<usize>) -> io::Result<()> {
    const MADV_POPULATE_WRITE: libc::c_int = 23;
    // SAFETY: MADV_POPULATE_WRITE changes no content, and the kernel rejects addresses that are not mapped.
    let answer = unsafe { libc::madvise(range.start as *mut _, range.len(), MADV_POPULATE_WRITE) };
    checked(answer.into()).map(drop)
}
