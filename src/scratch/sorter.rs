//! Sorting more than memory holds: sorted runs in a temporary file, merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Take, Write};
use std::sync::Arc;

use super::Cursor;

/// How many bytes of records are sorted in memory.
const RUN: usize = 4 * 1024 * 1024;
/// How many bytes of each run are read at once.
const READ_AHEAD: usize = 32 * 1024;

/// Takes byte strings and gives them back in order.
#[derive(Debug)]
pub struct Sorter {
    file: Arc<File>,
    /// Where each run that is written ends.
    ends: Vec<u64>,
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// A record of the run in memory: its first bytes as a number, which nearly always tells its place already, and where it is.
#[derive(Debug, Clone, Copy)]
struct Record {
    first: u64,
    start: u32,
    length: u32,
}

impl Record {
    fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..][..self.length as usize]
    }
}

impl Sorter {
    /// Sorts by way of an empty file that nobody else uses.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self { file: Arc::new(file), ends: Vec::new(), bytes: Vec::new(), records: Vec::new() }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// If the file cannot be written, or the record is longer than 4 GiB.
    pub fn push(&mut self, record: &[u8]) -> io::Result<()> {
        if self.bytes.len() + record.len() > RUN {
            self.write_run()?;
        }
        let number = |number: usize| u32::try_from(number).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
        self.records.push(Record {
            first: first_bytes(record),
            start: number(self.bytes.len())?,
            length: number(record.len())?,
        });
        self.bytes.extend_from_slice(record);
        Ok(())
    }

    /// Returns the records in order.
    ///
    /// # Errors
    /// If the file cannot be written or read.
    pub fn sorted(mut self) -> io::Result<Sorted> {
        self.write_run()?;
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let mut runs = Vec::with_capacity(self.ends.len());
        let mut firsts = Vec::with_capacity(self.ends.len());
        for (start, end) in starts.zip(&self.ends) {
            let reader = BufReader::with_capacity(READ_AHEAD, Cursor::new(&self.file, start));
            let mut run = Run(reader.take(end - start));
            let mut record = Vec::new();
            if run.read(&mut record)? {
                firsts.push(Reverse((first_bytes(&record), record, runs.len())));
                runs.push(run);
            }
        }
        Ok(Sorted { runs, next: firsts.into(), given: false })
    }

    fn write_run(&mut self) -> io::Result<()> {
        let Self { file, ends, bytes, records } = self;
        if records.is_empty() {
            return Ok(());
        }
        records.sort_unstable_by_key(|record| record.first);
        for alike in records.chunk_by_mut(|a, b| a.first == b.first) {
            alike.sort_unstable_by(|a, b| a.of(bytes).cmp(b.of(bytes)));
        }
        let start = ends.last().copied().unwrap_or(0);
        let mut written = start;
        let mut writer = BufWriter::with_capacity(256 * 1024, Cursor::new(file, start));
        for record in records.iter() {
            writer.write_all(&record.length.to_le_bytes())?;
            writer.write_all(record.of(bytes))?;
            written += 4 + u64::from(record.length);
        }
        writer.flush()?;
        ends.push(written);
        bytes.clear();
        records.clear();
        Ok(())
    }
}

fn first_bytes(record: &[u8]) -> u64 {
    let mut first = [0; 8];
    let known = record.len().min(first.len());
    first[..known].copy_from_slice(&record[..known]);
    u64::from_be_bytes(first)
}

#[derive(Debug)]
struct Run(Take<BufReader<Cursor>>);

impl Run {
    /// Reads the next record over the one before; `false` if there is none.
    fn read(&mut self, record: &mut Vec<u8>) -> io::Result<bool> {
        if self.0.limit() == 0 {
            return Ok(false);
        }
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        record.resize(u32::from_le_bytes(length) as usize, 0);
        self.0.read_exact(record)?;
        Ok(true)
    }
}

/// Records in order.
#[derive(Debug)]
pub struct Sorted {
    runs: Vec<Run>,
    /// The next record of each run that has one: its first bytes as a number, which nearly always tells its place already, itself, and
    /// its run.
    next: BinaryHeap<Reverse<(u64, Vec<u8>, usize)>>,
    /// Whether the first of them was given out.
    given: bool,
}

impl Sorted {
    /// Returns the next record; `None` after the last.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn next_record(&mut self) -> io::Result<Option<&[u8]>> {
        if std::mem::replace(&mut self.given, true)
            && let Some(mut given) = self.next.peek_mut()
        {
            let Reverse((first, record, run)) = &mut *given;
            if self.runs[*run].read(record)? {
                *first = first_bytes(record);
            } else {
                PeekMut::pop(given);
            }
        }
        Ok(self.next.peek().map(|Reverse((_, record, _))| record.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(records: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
        let mut sorter = Sorter::new(tempfile::tempfile().expect("a file"));
        for record in records {
            sorter.push(&record).expect("taken");
        }
        let mut ordered = sorter.sorted().expect("sorted");
        let mut all = Vec::new();
        while let Some(record) = ordered.next_record().expect("a record") {
            all.push(record.to_vec());
        }
        assert!(ordered.next_record().expect("the end").is_none());
        all
    }

    #[test]
    fn records_come_back_in_order_from_one_run_and_from_several() {
        assert!(sorted([]).is_empty());
        for records in [
            vec![
                b"b".to_vec(),
                b"".to_vec(),
                b"a\0".to_vec(),
                b"a".to_vec(),
                b"b".to_vec(),
                b"same first 2".to_vec(),
                b"same first 1".to_vec(),
            ],
            // Three runs.
            (0..100_u32).map(|number| (number * 37 % 100).to_be_bytes().repeat(60_000)).collect(),
        ] {
            let mut expected = records.clone();
            expected.sort();
            assert!(sorted(records) == expected);
        }
    }
}
