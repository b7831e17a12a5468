use super::*;

#[test]
fn k_8_names_and_addresses_that_lead_inside_are_known() {
    for host in ["127.0.0.1", "169.254.169.254", "::1", "localhost", "db.internal", "10.0.0.1", "[::ffff:10.0.0.1]"] {
        assert!(is_inside(host), "{host}");
    }
    for host in ["example.com", "93.184.216.34"] {
        assert!(!is_inside(host), "{host}");
    }
}
