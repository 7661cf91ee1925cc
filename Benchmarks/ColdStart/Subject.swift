import Foundation

/// A model that is measured, and how much is asked of it: a big one computes long for little.
struct Subject {
    /// For people, and for the names of logs.
    let name: String
    let folder: String
    let tiers: [StartTier]
    /// Of an answer that gives the decode speed.
    let decodeTokens: Int
    /// Further requests in each block of the steady state.
    let questions: Int
    let maxBlocks: Int
    /// How many prompts' answers are compared. None with random weights: their best two tokens are so near each other that
    /// rounding decides.
    let answers: Int

    static let smallName = "SmolLM2"
    static let largeName = "large"

    static func smollm2(_ folder: String, isQuick: Bool, _ plan: Plan) -> Subject {
        Subject(
            name: smallName, folder: folder, tiers: StartTier.allCases, decodeTokens: 128, questions: 15,
            maxBlocks: plan.maxBlocks, answers: isQuick ? 3 : Prompts.various.count)
    }

    static func large(_ folder: String, _ plan: Plan) -> Subject {
        Subject(
            name: largeName, folder: folder, tiers: [.warm, .asleep], decodeTokens: 32, questions: 9,
            maxBlocks: min(plan.maxBlocks, 30), answers: 0)
    }

    /// The same weights under one name for each of its tiers.
    var models: [ControllerConfig.Model] { tiers.map { .init(name: $0.rawValue, path: folder, rest: $0) } }

    /// Reads the files of its weights, so that they are in the page cache.
    func readFiles() throws {
        for file in try weightFiles {
            let handle = try FileHandle(forReadingFrom: file)
            defer { try? handle.close() }
            while let bytes = try handle.read(upToCount: 4 << 20), !bytes.isEmpty { try Interruption.check() }
        }
    }

    /// The sizes of its weights' files, together.
    var weightBytes: Int {
        get throws {
            try weightFiles.reduce(0) { sum, file in
                let values = try file.resolvingSymlinksInPath().resourceValues(forKeys: [.fileSizeKey])
                return sum + (values.fileSize ?? 0)
            }
        }
    }

    private var weightFiles: [URL] {
        get throws {
            let folder = URL(fileURLWithPath: folder).resolvingSymlinksInPath()
            return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .filter { $0.pathExtension == "safetensors" }
        }
    }
}
