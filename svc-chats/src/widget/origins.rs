//! Which sites may embed a widget: exact origins, or every name below one.

use neipix_mesh::Failure;

/// The rule, in words.
const RULE: &str = "must be an origin such as https://shop.ru or https://*.shop.ru: the scheme https (http only for localhost), \
    a name, perhaps a port, and nothing behind it";

/// Lists of origins.
#[derive(Debug)]
pub struct Origins;

impl Origins {
    /// Checks what an owner lists.
    ///
    /// # Errors
    /// FIELD_INVALID that names the entry.
    pub fn check(origins: &[String]) -> Result<(), Failure> {
        if origins.is_empty() {
            return Err(Failure::invalid("widget.origins", "must name one site at least, such as https://shop.ru"));
        }
        for (n, origin) in origins.iter().enumerate() {
            if !is_listable(origin) {
                return Err(Failure::invalid(format!("widget.origins[{n}]"), RULE));
            }
        }
        Ok(())
    }

    /// Whether a page of that origin may use the widget. What is compared is what browsers send: `null` and whatever is no
    /// origin match nothing.
    #[must_use]
    pub fn allow(listed: &[String], origin: &str) -> bool {
        listed.iter().any(|entry| matches(entry, origin))
    }
}

fn matches(entry: &str, origin: &str) -> bool {
    let Some((scheme, place)) = entry.split_once("://*.") else { return entry == origin };
    let Some((from, host)) = origin.split_once("://") else { return false };
    // Any depth, but not the name itself; the port belongs to the place.
    from == scheme
        && host
            .strip_suffix(place)
            .and_then(|left| left.strip_suffix('.'))
            .is_some_and(|left| left.split('.').all(|label| !label.is_empty() && label.bytes().all(is_label_byte)))
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
}

fn is_listable(entry: &str) -> bool {
    let Some((scheme, rest)) = entry.split_once("://") else { return false };
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let usual = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return false,
    };
    // Browsers leave the usual port out: listed, it would match nothing.
    let port_good = port.is_none_or(|port| {
        port != usual && !port.starts_with('0') && port.parse::<u16>().is_ok_and(|n| n > 0) && !port.starts_with('+')
    });
    let name = host.strip_prefix("*.").unwrap_or(host);
    let labels: Vec<&str> = name.split('.').collect();
    let names_good = labels.iter().all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_label_byte)
            && !label.starts_with('-')
            && !label.ends_with('-')
    });
    let local = labels.last() == Some(&"localhost");
    let wide = host.starts_with("*.") && labels.len() < 2 && !local;
    port_good && names_good && name.len() <= 253 && !wide && (local || (scheme == "https" && labels.len() >= 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_9_only_listed_origins_match_and_stars_stand_for_names_below() {
        // trust: C-9
        let listed = ["https://shop.ru".to_owned(), "https://*.big.ru".to_owned(), "http://localhost:3000".to_owned()];
        for good in ["https://shop.ru", "https://a.big.ru", "https://a.b.big.ru", "http://localhost:3000"] {
            assert!(Origins::allow(&listed, good), "{good}");
        }
        for bad in [
            "https://big.ru",
            "http://shop.ru",
            "https://shop.ru:8443",
            "https://www.shop.ru",
            "https://evilbig.ru",
            "https://big.ru.evil.tld",
            "https://evil.tld/.big.ru",
            "https://evil.tld#.big.ru",
            "https://.big.ru",
            "https://a..big.ru",
            "https://*.big.ru",
            "null",
            "",
            "http://a.big.ru",
            "http://localhost",
        ] {
            assert!(!Origins::allow(&listed, bad), "{bad}");
        }
    }

    #[test]
    fn an_owner_lists_origins_and_nothing_else() {
        let check = |origin: &str| Origins::check(&[origin.to_owned()]).is_ok();
        for good in [
            "https://shop.ru",
            "https://xn--80aswg.xn--p1ai",
            "https://*.shop.ru",
            "https://shop.ru:8443",
            "http://localhost:3000",
            "http://demo.localhost:8080",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "http://shop.ru",
            "https://shop.ru/",
            "https://shop.ru/page",
            "https://*.ru",
            "https://*",
            "*",
            "https://a.*.ru",
            "https://Shop.ru",
            "https://user@shop.ru",
            "https://shop.ru:443",
            "https://shop.ru:0",
            "https://shop.ru:99999",
            "https://shop",
            "https://shop.ru; script-src *",
            "https://shop.ru https://evil.tld",
            "shop.ru",
            "null",
            "",
            "ftp://shop.ru",
            "https://-a.ru",
            "https://магазин.рф",
        ] {
            assert!(!check(bad), "{bad}");
        }
        assert!(Origins::check(&[]).is_err());
    }
}
