import ControlProtocol
import Foundation

/// What a process has from the template that it was made from: in the real thing its memory.
struct Inheritance: Codable, Sendable {
    let path: String
    let arguments: [String: JSONValue]
    /// The weights, if the template had loaded them.
    let weights: Weights?

    /// The stages that its start need not do again.
    var stages: Set<StartStage> {
        weights == nil ? [.config, .app] : [.config, .app, .attach, .load]
    }

    init(path: String, arguments: [String: JSONValue], weights: Weights?) {
        self.path = path
        self.arguments = arguments
        self.weights = weights
    }

    /// From the command line.
    init(text: String) throws {
        self = try JSONDecoder().decode(Inheritance.self, from: Data(text.utf8))
    }

    /// For the command line.
    var text: String {
        get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    }
}
