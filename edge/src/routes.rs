//! The REST routes, read from the descriptors.

use std::collections::HashMap;

use neipix_proto::{Method, methods};

use crate::bind::{BodyRule, field_at};

/// A REST face of an rpc, ready to serve.
#[derive(Debug)]
pub struct Route {
    /// The rpc.
    pub method: &'static Method,
    /// Field paths of the path's variables, in order.
    pub variables: Vec<String>,
    /// Where the body goes.
    pub body: BodyRule,
}

/// What a path leads to.
pub enum Match<'a> {
    /// An rpc, with the raw texts of the path's variables.
    Route(&'a Route, Vec<String>),
    /// The path exists under these methods only.
    OtherMethods(Vec<&'static str>),
    /// Nothing.
    Nothing,
}

/// All REST routes.
#[derive(Debug)]
pub struct Routes(HashMap<&'static str, matchit::Router<Route>>);

/// The descriptors hold two routes that cannot live together, or one that names no field.
#[derive(Debug, thiserror::Error)]
#[error("route {template}: {why}")]
pub struct RouteError {
    template: String,
    why: String,
}

impl Routes {
    /// Reads them from the descriptors.
    ///
    /// # Errors
    /// Where two routes collide.
    pub fn new() -> Result<Self, RouteError> {
        let mut all: HashMap<&'static str, matchit::Router<Route>> = HashMap::new();
        for method in methods().all() {
            for binding in &method.bindings {
                let error = |why: String| RouteError { template: binding.template.clone(), why };
                let (pattern, variables) = pattern(&binding.template).map_err(error)?;
                let input = method.descriptor.input();
                if let Some(unknown) = variables.iter().find(|v| field_at(&input, v).is_none()) {
                    return Err(error(format!("{unknown} is no field of {}", input.full_name())));
                }
                let body = match binding.body.as_str() {
                    "" => BodyRule::None,
                    "*" => BodyRule::Whole,
                    field => BodyRule::Field(field.to_owned()),
                };
                let route = Route { method, variables, body };
                all.entry(binding.verb).or_default().insert(pattern, route).map_err(|e| error(e.to_string()))?;
            }
        }
        Ok(Self(all))
    }

    /// What a raw, still encoded path leads to.
    #[must_use]
    pub fn find(&self, verb: &str, path: &str) -> Match<'_> {
        if let Some(found) = self.0.get(verb).and_then(|r| r.at(path).ok()) {
            let texts = found.params.iter().map(|(_, text)| text.to_owned()).collect();
            return Match::Route(found.value, texts);
        }
        let others: Vec<&'static str> =
            self.0.iter().filter(|(_, router)| router.at(path).is_ok()).map(|(verb, _)| *verb).collect();
        if others.is_empty() { Match::Nothing } else { Match::OtherMethods(others) }
    }
}

/// `/a/{x.id}:go` → `/a/{p0}:go` and `["x.id"]`.
fn pattern(template: &str) -> Result<(String, Vec<String>), String> {
    let (mut pattern, mut variables, mut rest) = (String::new(), Vec::new(), template);
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}').ok_or("a { without }")? + open;
        pattern += &rest[..open];
        pattern += &format!("{{p{}}}", variables.len());
        variables.push(rest[open + 1..close].to_owned());
        rest = &rest[close + 1..];
    }
    Ok((pattern + rest, variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_after_an_id_are_routes_of_their_own() {
        let routes = Routes::new().unwrap();
        let Match::Route(route, texts) = routes.find("POST", "/api/v1/assistants/0190-a:publish") else {
            panic!("not found")
        };
        assert!(route.method.path.ends_with("/PublishAssistant"));
        assert_eq!(texts, ["0190-a"]);
        assert!(matches!(routes.find("PUT", "/api/v1/assistants"), Match::OtherMethods(_)));
        assert!(matches!(routes.find("GET", "/api/v1/assistants//"), Match::Nothing));
    }

    #[test]
    fn e_7_an_encoded_colon_is_no_verb() {
        let routes = Routes::new().unwrap();
        assert!(!matches!(
            routes.find("POST", "/api/v1/assistants/0190-a%3Apublish"),
            Match::Route(r, _) if r.method.path.ends_with("/PublishAssistant")
        ));
    }
}
