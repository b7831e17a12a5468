//! How much a word looks like Russian or like English, by the pairs of letters that the language likes.

use std::{collections::HashSet, sync::LazyLock};

type Pairs = LazyLock<HashSet<[char; 2]>>;

/// The commonest pairs of Russian, most frequent first.
static RUSSIAN: Pairs = LazyLock::new(|| {
    pairs(
        "\
    то на ст не по но ен ко ра ов ро ос ал пр го ть ли ни от ре ка та ва ор ел ла ес во ет ол ло ог де ом ер \
    ль за да ри ил ле ве бы ак ат ан ск ам ла ин од об те ин ми ти сь ся ус че ки мо до ви си ав ит ие ые ый \
    ой ая ое ую их ым ем им ми ма ме му мы со се су са сл см сп св сч ся це ци ца цу чи ча чт чн шт щи же жа жи \
    жд зн зв зы зк ви вы вс ве вр дн ди ду др ды бо бе ба бр бу би пе па пл пи пу ке кр ку кл кт га ги гл гр гд \
    ге ту тр ты тв тн тк ру рт рн рс ры рь рк рв ря лу лы лю ля лн лк нт нн ны ну ня нк нс нь ей ец ед ек еж ещ еб \
    ев ез ия иц ич из иб ив иг ид ик ис их аб аг ад аж аз ай ап ар ас ац ач аш ую ют юч юр яв яз як ят яц яч уб уд \
    уж ук ул ум ун уп ур ут уч уш уд ое оз ои ой он оп от оц оч ош щё щё ён ёр ёт ёл ём ыв ыл ым ын ыт ых фо фи фа \
    фе хо ха хи хр хн эт эк эл ош шк шл ше ша ши шн сс ср чк рг рд рм лж мп мн мб йк йн йс зд зм жн кс кн бн бл",
    )
});

/// The commonest pairs of English, most frequent first.
static ENGLISH: Pairs = LazyLock::new(|| {
    pairs(
        "\
    th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro \
    ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut ss so \
    rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig \
    tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by rm ep tt oc fa \
    ef cu rn sc gi da yo cr cl du ga qu ue ff ba ey ls va um pp ua up lu go ht ru ug ds lt pi rc rr eg au ck ew mu br \
    bi pt ak pu ui rg ib tl ny ki rk ys ob mm fu ph og ms ye ud mb ip ub oi rl gu dr hr cc tw ft wn nu af hu nn eo vo rv \
    nf xp gn sm fl iz ok nl my gl aw ju oa eq sy sl ps jo lf nv je nk kn gs dy hy ze ks xt bs ik dd pm",
    )
});

/// The share of the word's pairs that the language likes, in hundredths; 0 for a word of one letter.
pub(super) fn russian(word: &str) -> usize {
    score(word, &RUSSIAN)
}

/// As [`russian`], for English.
pub(super) fn english(word: &str) -> usize {
    score(word, &ENGLISH)
}

fn pairs(listed: &str) -> HashSet<[char; 2]> {
    listed.split_ascii_whitespace().filter_map(|pair| pair.chars().collect::<Vec<_>>().try_into().ok()).collect()
}

fn score(word: &str, liked: &HashSet<[char; 2]>) -> usize {
    let letters: Vec<char> = word.to_lowercase().chars().filter(|symbol| symbol.is_alphabetic()).collect();
    let pairs = letters.windows(2).count();
    let hits = letters.windows(2).filter(|pair| matches!(pair, [one, two] if liked.contains(&[*one, *two]))).count();
    (hits * 100).checked_div(pairs).unwrap_or(0)
}
