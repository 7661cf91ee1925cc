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

/// What this runtime keeps of a model's files once they are loaded.
struct Weights: Codable, Sendable {
    /// What the model's answers begin with: the text of `opening.txt` in the model's folder, or the folder's name.
    let opening: String

    init(folder: String) {
        let text = FileManager.default.contents(atPath: folder + "/opening.txt")
            .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
        opening = text ?? folder.split(separator: "/").last.map(String.init) ?? "model"
    }
}
