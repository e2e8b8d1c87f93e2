//! Any bytes as an archive or a workbook. Behind an even first byte they are the archive itself; behind an odd one they are
//! the parts of a workbook, parted by zero bytes, so that checksums do not keep what is inside from being read.

#![no_main]

use std::io::{Cursor, Write};

use libfuzzer_sys::fuzz_target;
use zip::write::{SimpleFileOptions, ZipWriter};

const PARTS: [&str; 6] = [
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
    "[Content_Types].xml",
];

const REST: [&str; 6] = [
    "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData/></worksheet>",
    "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><si><t>Data</t></si></sst>",
    "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><cellXfs><xf numFmtId=\"0\"/>\
     <xf numFmtId=\"14\"/></cellXfs></styleSheet>",
    "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
     xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>\
     <sheet name=\"Extras\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
     Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
     Target=\"worksheets/sheet1.xml\"/></Relationships>",
    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
];

fn workbook(data: &[u8]) -> Vec<u8> {
    let mut parts = data.split(|byte| *byte == 0);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, rest) in PARTS.iter().zip(REST) {
        let part = parts.next().filter(|part| !part.is_empty()).unwrap_or(rest.as_bytes());
        archive.start_file(*name, SimpleFileOptions::default()).expect("memory does not fail");
        archive.write_all(part).expect("memory does not fail");
    }
    archive.finish().expect("memory does not fail").into_inner()
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let map = &fuzz::maps()[usize::from(*choice >> 1) % fuzz::maps().len()];
    match choice % 2 {
        0 => fuzz::read_twice(rest, map),
        _ => fuzz::read_twice(&workbook(rest), map),
    }
});
