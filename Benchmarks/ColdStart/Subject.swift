import BenchmarkSupport

/// A model that is measured, and how much is asked of it: a big one computes long for little.
struct Subject {
    /// For people, and for the names of logs.
    let name: String
    let folder: ModelFolder
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

    static func smollm2(_ folder: ModelFolder, isQuick: Bool, _ plan: Plan) -> Subject {
        Subject(
            name: smallName, folder: folder, tiers: StartTier.allCases, decodeTokens: 128, questions: 15,
            maxBlocks: plan.maxBlocks, answers: isQuick ? 3 : Prompts.various.count)
    }

    static func large(_ folder: ModelFolder, _ plan: Plan) -> Subject {
        Subject(
            name: largeName, folder: folder, tiers: [.warm, .asleep], decodeTokens: 32, questions: 9,
            maxBlocks: min(plan.maxBlocks, 30), answers: 0)
    }

    /// The same weights under one name for each of its tiers.
    var models: [ControllerConfig.Model] { tiers.map { .init(name: $0.rawValue, path: folder.path, rest: $0) } }
}
