//! Names that hide, cover others, fall apart or pass for another's; and those of honest people, which stay.

use super::*;
use tickwire::Rng;

const FAMILY: &str = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";

#[test]
fn controls_and_outer_spaces_leave_a_name() {
    assert_eq!(clean_name("  Ada\u{1b}[31m\n "), "Ada[31m");
    assert_eq!(clean_name("\u{202e}evil"), "evil");
    assert_eq!(clean_name("\t"), "player");
    assert_eq!(clean_name("a name that is much too long"), "a name that is m");
    assert_eq!(clean_name("Ada\u{3000} \u{a0}\r\nLovelace"), "Ada Lovelace");
}

#[test]
fn characters_that_show_nothing_leave_a_name() {
    let invisible = [
        0x00ad, 0x034f, 0x061c, 0x115f, 0x1160, 0x17b4, 0x180b, 0x180e, 0x200b, 0x200c, 0x200d, 0x200f, 0x202e, 0x2060,
        0x2064, 0x2067, 0x2800, 0x3164, 0xfe00, 0xfe0e, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xfffa, 0xfffb, 0xfffc,
        0x1d159, 0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100, 0xe01ef, 0xe000, 0x10_ffff, 0x0378,
    ];
    for character in invisible.map(|number| char::from_u32(number).unwrap()) {
        let escaped = character.escape_unicode();
        assert_eq!(clean_name(&character.to_string()), "player", "{escaped} alone");
        assert_eq!(clean_name(&format!("A{character}da{character}")), "Ada", "{escaped} in a name");
        assert_eq!(clean_chat(&character.to_string().repeat(9)), "", "{escaped} in chat");
    }
}

#[test]
fn marks_do_not_stack_up_over_the_neighbours() {
    let marks: Vec<char> = ('\u{300}'..='\u{30f}').collect();
    let stacked: String = marks.iter().collect();
    let marks_in = |name: &str| name.nfd().filter(|character| is_stacked(*character)).count();
    assert!(marks_in(&clean_name(&format!("a{stacked}"))) <= MARKS_PER_LETTER_MAX + 1);
    // Neither an invisible character between the marks nor one mark many times changes that.
    for between in ["\u{200b}", "\u{200d}", "\u{fe0f}", "\u{34f}", "\u{3164}", "\u{e0041}", "\u{7}"] {
        let hidden: String = marks.iter().flat_map(|mark| [mark.to_string(), between.into()]).collect();
        let cleaned = clean_name(&format!("x{between}{hidden}y"));
        assert!(marks_in(&cleaned) <= MARKS_PER_LETTER_MAX, "{cleaned:?} with {between:?}");
        assert!(cleaned.starts_with('x') && cleaned.ends_with('y'));
    }
    assert_eq!(clean_name(&format!("x{}", "\u{330}".repeat(16))), "x\u{330}");
    assert_eq!(clean_name(&stacked), "player", "marks without a letter");
    assert_eq!(clean_name(&format!(" {stacked}Ada")), "Ada", "marks on a space");
}

#[test]
fn pictures_of_several_characters_stay_whole() {
    let pictures = [
        FAMILY,
        "\u{2764}\u{fe0f}",
        "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
        "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
        "\u{1f469}\u{1f3fd}\u{200d}\u{1f680}",
        "\u{1f3c3}\u{200d}\u{2642}\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "\u{1f1e9}\u{1f1ea}",
    ];
    for picture in pictures {
        assert_eq!(clean_name(picture), picture);
        assert_eq!(clean_name(&format!("A{picture}b")), format!("A{picture}b"));
        assert_eq!(clean_chat(&format!("{picture} {picture}")), format!("{picture} {picture}"));
    }
    // The fifteenth letter leaves room for one family and not for two.
    let name = format!("fifteen letters{FAMILY}{FAMILY}");
    assert_eq!(clean_name(&name), format!("fifteen letters{FAMILY}"));
    // The limit in bytes cuts between families, too.
    let families = clean_name(&FAMILY.repeat(16));
    assert_eq!(families, FAMILY.repeat(NAME_BYTES_MAX / FAMILY.len()));
    assert_eq!(clean_name("7\u{fe0f}"), "7");
    assert_eq!(clean_name(&format!("{FAMILY}\u{200d}\u{200d}")), FAMILY);
}

#[test]
fn names_of_many_languages_stay_as_they_are() {
    let names = [
        "Zoë",
        "Nguyễn Thị Ế",
        "Łukasz",
        "Δημήτρης",
        "Наталья",
        "יוֹסֵף",
        "محمّد",
        "नमस्ते",
        "ज़ें",
        "क्\u{200d}ष",
        "สมชายที่",
        "田中さくら",
        "김철수",
        "O'Brien-Smith",
        "<b>&amp;",
        "x_X_42",
    ];
    for name in names {
        let composed: String = name.nfc().collect();
        assert_eq!(clean_name(name), composed);
    }
}

#[test]
fn a_name_that_looks_like_another_gets_a_number() {
    let distinct = |name: &str, others: &[&str]| distinct_name(name, others.iter().copied());
    assert_eq!(distinct("Ada", &["Grace", "Tock"]), "Ada");
    assert_eq!(distinct("Ada", &["Ada"]), "Ada 2");
    assert_eq!(distinct("Ada", &["Ada", "Ada 2"]), "Ada 3");
    let twins = [
        ("Alice", "A\u{6c}i\u{441}e"),
        ("paypal", "\u{440}\u{430}y\u{440}\u{430}\u{6c}"),
        ("modern", "rnodern"),
        ("Il1", "lI1"),
        ("O0O", "000"),
        ("Zoe\u{308}", "Zo\u{eb}"),
        ("Ada", "\u{ff21}da"),
        ("Ada", "A\u{200d}da"),
        ("", "player"),
    ];
    for (one, other) in twins {
        let (one, second) = (clean_name(one), distinct(other, &[&clean_name(one)]));
        assert!(second.ends_with(" 2"), "{other} beside {one} is {second}");
    }
    // Where the name has the greatest length, the number takes the place of its end.
    assert_eq!(distinct("sixteen letters.", &["sixteen letters."]), "sixteen letter 2");
    let (families, crowd) = (FAMILY.repeat(3), vec![FAMILY; 64]);
    assert_eq!(distinct(&families, &[&families]), format!("{families} 2"));
    assert_eq!(distinct(FAMILY, &crowd), format!("{FAMILY} 2"));
    let wide = "\u{915}\u{94d}".repeat(16);
    assert_eq!(distinct(&wide, &[&clean_name(&wide)]), "player 2", "one grapheme that leaves no room for a number");
}

#[test]
fn a_clean_text_is_within_its_limits_and_stays_the_same_when_it_is_cleaned_again() {
    let pieces = [
        "a",
        "Z",
        " ",
        "\u{a0}",
        "e",
        "\u{301}",
        "\u{323}",
        "\u{302}",
        "\u{20e3}",
        "\u{200d}",
        "\u{fe0f}",
        "\u{200b}",
        FAMILY,
        "\u{1f469}",
        "\u{1f3fd}",
        "\u{1f1e9}",
        "\u{915}",
        "\u{94d}",
        "\u{93c}",
        "\u{93e}",
        "\u{1100}",
        "\u{1161}",
        "\u{11a8}",
        "\u{3164}",
        "\u{600}",
        "7",
        "\u{2764}",
        "\u{16fe4}",
        "\u{5d0}",
        "\u{5b0}",
        "\u{e0041}",
        "\n",
        "\u{1b}",
        "\u{2800}",
    ];
    let mut dice = Rng::new(15);
    for round in 0..20_000 {
        let count = dice.below(40);
        let text: String = (0..count).map(|_| pieces[dice.below(pieces.len() as u32) as usize]).collect();
        for (cleaned, graphemes_max, bytes_max) in [
            (clean(&text, NAME_GRAPHEMES_MAX, NAME_BYTES_MAX), NAME_GRAPHEMES_MAX, NAME_BYTES_MAX),
            (clean(&text, 3, 20), 3, 20),
        ] {
            assert_eq!(clean(&cleaned, graphemes_max, bytes_max), cleaned, "round {round}: {text:?}");
            assert!(cleaned.graphemes(true).count() <= graphemes_max, "round {round}: {text:?}");
            assert!(cleaned.len() <= bytes_max && cleaned.trim() == cleaned && !cleaned.contains("  "));
            let stacked = cleaned.chars().collect::<Vec<_>>();
            let too_many =
                stacked.windows(MARKS_PER_LETTER_MAX + 1).any(|marks| marks.iter().all(|mark| is_stacked(*mark)));
            assert!(!too_many, "round {round}: {text:?} became {cleaned:?}");
        }
    }
}

#[test]
fn a_plain_text_is_cleaned_as_the_tables_would() {
    let mut dice = Rng::new(3);
    for _ in 0..3_000 {
        // Every third character is a space, so that there are runs of them everywhere.
        let mut character = || if dice.one_in(3) { ' ' } else { char::from(b' ' + (dice.next_u64() % 95) as u8) };
        let text: String = (0..40).map(|_| character()).collect();
        let text = &text[..dice.next_u64() as usize % 41];
        for (graphemes_max, bytes_max) in [(16, 64), (200, 12), (200, 400)] {
            let plain = clean_plain(text, graphemes_max.min(bytes_max));
            assert_eq!(plain, clean_all(text, graphemes_max, bytes_max), "{text:?}");
        }
    }
}
