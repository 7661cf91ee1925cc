import Foundation

/// The JSON of a successful answer, and what it means.
struct Answer<Value: Decodable & Sendable>: Sendable {
    let body: Data

    func value() throws(ClientError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: body)
        } catch {
            throw .failed("the answer of the controller makes no sense to this version of the command: \(error)")
        }
    }

    /// Writes the answer to standard output: the JSON as it came, or as the text made from its value.
    func show(json: Bool, _ text: (Value) -> String) throws(ClientError) {
        if json {
            try Terminal.write(String(decoding: body, as: UTF8.self) + "\n")
        } else {
            try Terminal.write(text(value()) + "\n")
        }
    }
}
