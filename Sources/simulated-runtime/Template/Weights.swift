import Foundation

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
