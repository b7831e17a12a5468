//! Office archives made by hand, so that their directory can lie.

const BOMB_BLOCK: &[u8] = include_bytes!("../fixtures/bomb-block.bin");
const BOMB_BLOCKS: usize = 1_024;
/// Of 1 GiB of spaces.
const BOMB_CRC: u32 = 0x9ac4_7fa6;

/// Of the same, for the zlib format.
const BOMB_ADLER: u32 = 0x8981_0709;

/// A zlib stream that inflates to 1 GiB of spaces.
pub fn zlib_bomb() -> Vec<u8> {
    let mut data = vec![0x78, 0xda];
    data.extend(BOMB_BLOCK.repeat(BOMB_BLOCKS));
    data.extend([0x03, 0x00]);
    data.extend(BOMB_ADLER.to_be_bytes());
    data
}

pub struct Entry {
    pub name: &'static str,
    pub data: Vec<u8>,
    pub method: u16,
    pub crc: u32,
    pub size: u32,
}

pub fn stored(name: &'static str, text: &str) -> Entry {
    Entry { name, data: text.as_bytes().to_vec(), method: 0, crc: crc32(text.as_bytes()), size: text.len() as u32 }
}

/// A real entry that inflates to 1 GiB of spaces; `size` is what the directory says of it.
pub fn bomb(name: &'static str, size: u32) -> Entry {
    let mut data = BOMB_BLOCK.repeat(BOMB_BLOCKS);
    data.extend([0x03, 0x00]);
    Entry { name, data, method: 8, crc: BOMB_CRC, size }
}

/// A docx whose body is `document`; further parts may be added.
pub fn docx(document: Entry, more: Vec<Entry>) -> Vec<u8> {
    let mut entries = vec![
        stored(
            "[Content_Types].xml",
            r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#,
        ),
        stored(
            "_rels/.rels",
            r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#,
        ),
        document,
    ];
    entries.extend(more);
    archive(&entries)
}

/// The body of a Word document around `paragraphs`, with a document type before it.
pub fn body(doctype: &str, paragraphs: &str) -> Entry {
    stored(
        "word/document.xml",
        &format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>{doctype}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{paragraphs}</w:body></w:document>"#
        ),
    )
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = file.len() as u32;
        let mut fields = Vec::new();
        fields.extend(20u16.to_le_bytes());
        fields.extend(0u16.to_le_bytes());
        fields.extend(entry.method.to_le_bytes());
        fields.extend([0u8; 4]);
        fields.extend(entry.crc.to_le_bytes());
        fields.extend((entry.data.len() as u32).to_le_bytes());
        fields.extend(entry.size.to_le_bytes());
        fields.extend((entry.name.len() as u16).to_le_bytes());
        fields.extend(0u16.to_le_bytes());
        file.extend(b"PK\x03\x04");
        file.extend(&fields);
        file.extend(entry.name.as_bytes());
        file.extend(&entry.data);
        directory.extend(b"PK\x01\x02");
        directory.extend(20u16.to_le_bytes());
        directory.extend(&fields);
        directory.extend([0u8; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let (start, length) = (file.len() as u32, directory.len() as u32);
    file.extend(directory);
    file.extend(b"PK\x05\x06");
    file.extend([0u8; 4]);
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend(length.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend(0u16.to_le_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
