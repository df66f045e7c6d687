//! This process's memory, by addresses: what of it is there, and having it there.

use std::io;
use std::ops::Range;

use super::checked;

/// Bytes of the smallest page that there is on any machine we are built for.
const PAGE: usize = 4096;

/// The parts of `range` that are in RAM; see mincore(2). Both ends are those of mappings.
pub(crate) fn resident(range: Range<usize>) -> io::Result<Vec<Range<usize>>> {
    let mut pages = vec![0_u8; range.len().div_ceil(PAGE)];
    // SAFETY: the kernel writes a byte for each page of the range, at most as many as there are here.
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

/// Have copies of our own of the pages in `range` now, all at once, and not one by one when they are first written to; see
/// MADV_POPULATE_WRITE in madvise(2), since Linux 5.14. What is in them stays as it is.
pub(crate) fn copy_now(range: &Range<usize>) -> io::Result<()> {
    const MADV_POPULATE_WRITE: libc::c_int = 23;
    // SAFETY: changes nothing that can be read or written, and fails for addresses that are not ours.
    let answer = unsafe { libc::madvise(range.start as *mut _, range.len(), MADV_POPULATE_WRITE) };
    checked(answer.into()).map(drop)
}
