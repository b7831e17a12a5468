//! English words that customers use: beside them a text is in English, however Russian its letters may look.

use std::{collections::HashSet, sync::LazyLock};

/// Whether a word, with the marks around it and in any case, is one of them.
pub(super) fn is_common(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.split_ascii_whitespace().collect());
    let lower = word.trim_matches(|symbol: char| !symbol.is_alphanumeric()).to_lowercase();
    WORDS.contains(lower.as_str())
}

const COMMON: &str = "\
    the a an and or but is are was were be do does did have has can could will would should i you we they it my your \
    our of to in on at for from by with about as if not no yes what which who where when why how much many there \
    here this that these those please thanks thank hello hi hey help want need get buy sell order orders price \
    prices cost list time date day days week month year hour hours open close closed delivery deliver ship shipping \
    refund return returns address contact contacts payment pay paid card cards cash phone number email mail key \
    status password login account support service services shop store office free sale discount size color colour \
    new old best cheap warranty repair model series pro max plus mini usb sim vpn crm api pc tv wifi iphone ipad \
    android windows skype whatsapp telegram google apple samsung xiaomi html css php mysql nginx config server btw \
    thx ok link site web page online banana product products item items stock available cancel change track tracking";
