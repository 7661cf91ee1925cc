import ControllerConfiguration
import Foundation
import Testing

/// Absolute path of a file in a folder that does not exist.
let file = "/nowhere/worker-controller.yaml"

func parse(_ text: String) throws -> Configuration {
    try Configuration.parse(text, file: file)
}

/// The mistakes of a text as `LINE: PROBLEM; REMEDY`; empty if there is none.
func mistakes(_ text: String) -> [String] {
    do throws(ConfigurationErrors) {
        _ = try Configuration.parse(text, file: file)
        return []
    } catch {
        return error.errors.map { String($0.description.dropFirst(file.count + 1)) }
    }
}

/// A text and what is wrong with it.
struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let expected: [String]

    init(_ text: String, _ expected: String...) {
        self.text = text
        self.expected = expected
    }

    var testDescription: String { text }
}

/// The root of the source tree.
let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

func contents(of name: String) throws -> String {
    try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)
}

/// Runs `body` with a folder that is gone afterwards.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("configuration-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}
