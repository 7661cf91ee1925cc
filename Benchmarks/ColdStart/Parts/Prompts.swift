/// What is asked. In the steady state every prompt is new, so that no server has its beginning in a cache, and the same for both
/// sides of a pair.
enum Prompts {
    static let standard = "What is the capital of France?"
    /// Long enough to measure a decode speed.
    static let decodeTokens = 128

    static func story(_ generator: inout SeededGenerator) -> String {
        "\(generator.next()): tell a long story about this number."
    }

    static func question(_ generator: inout SeededGenerator) -> String {
        "\(generator.next()): is this number even?"
    }
}
