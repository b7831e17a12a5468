//! The comments of the protos, by element.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, FieldDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor,
};

/// Leading comments by file and path.
#[derive(Debug)]
pub struct Comments(HashMap<(String, Vec<i32>), String>);

const MESSAGE: i32 = 4;
const ENUM: i32 = 5;
const SERVICE: i32 = 6;
const FIELD: i32 = 2;
const METHOD: i32 = 2;

impl Comments {
    /// Reads all of them.
    #[must_use]
    pub fn read(pool: &DescriptorPool) -> Self {
        let mut all = HashMap::new();
        for file in pool.files() {
            let Some(source) = &file.file_descriptor_proto().source_code_info else { continue };
            for location in &source.location {
                if let Some(text) = &location.leading_comments {
                    let lines: Vec<&str> = text.lines().map(str::trim).collect();
                    all.insert((file.name().to_owned(), location.path.clone()), lines.join("\n").trim().to_owned());
                }
            }
        }
        Self(all)
    }

    fn at(&self, file: &str, path: Vec<i32>) -> String {
        self.0.get(&(file.to_owned(), path)).cloned().unwrap_or_default()
    }

    /// Of a service.
    #[must_use]
    pub fn of_service(&self, service: &ServiceDescriptor) -> String {
        self.at(service.parent_file().name(), vec![SERVICE, place(service)]).replace('\n', " ")
    }

    /// Of an rpc: the summary, an empty line, the rest.
    #[must_use]
    pub fn of_method(&self, method: &MethodDescriptor) -> String {
        let service = method.parent_service();
        let position = service.methods().position(|m| m.name() == method.name()).unwrap_or(0);
        self.at(service.parent_file().name(), vec![SERVICE, place(service), METHOD, index(position)])
    }

    /// Of a message; only messages that stand at the top of their file are ours.
    #[must_use]
    pub fn of_message(&self, message: &MessageDescriptor) -> String {
        let file = message.parent_file();
        let position = file.messages().position(|m| m.full_name() == message.full_name());
        position.map_or_else(String::new, |p| self.at(file.name(), vec![MESSAGE, index(p)]).replace('\n', " "))
    }

    /// Of a field.
    #[must_use]
    pub fn of_field(&self, field: &FieldDescriptor) -> String {
        let message = field.parent_message();
        let file = message.parent_file();
        let Some(position) = file.messages().position(|m| m.full_name() == message.full_name()) else {
            return String::new();
        };
        let raw = message.descriptor_proto().field.iter().position(|f| f.name() == field.name()).unwrap_or(0);
        self.at(file.name(), vec![MESSAGE, index(position), FIELD, index(raw)]).replace('\n', " ")
    }

    /// Of an enum, followed by its values.
    #[must_use]
    pub fn of_enum(&self, values: &EnumDescriptor) -> String {
        let file = values.parent_file();
        let Some(position) = file.enums().position(|e| e.full_name() == values.full_name()) else {
            return String::new();
        };
        let mut text = self.at(file.name(), vec![ENUM, index(position)]).replace('\n', " ");
        for (i, value) in values.enum_descriptor_proto().value.iter().enumerate() {
            let meaning = self.at(file.name(), vec![ENUM, index(position), FIELD, index(i)]).replace('\n', " ");
            text += &format!("\n- `{}`: {meaning}", value.name());
        }
        text
    }
}

/// The service's place in its file; `ServiceDescriptor::index` counts across the pool.
fn place(service: &ServiceDescriptor) -> i32 {
    index(service.parent_file().services().position(|s| s.name() == service.name()).unwrap_or(usize::MAX))
}

fn index(position: usize) -> i32 {
    i32::try_from(position).unwrap_or(-1)
}
