import BenchmarkSupport

/// What was found of the decoding of several sides.
struct DecodeResult<Side: DecodeSide>: Codable {
    struct Sample: Codable {
        /// Per token after the first.
        let stepMs: Double
        /// Of the requests after the long one.
        let firstTokenMs: [Double]
    }
    typealias Block = [Side: Sample]

    var sides: [Side]
    /// How many of each side's busiest process compute.
    var threads: [Side: Int] = [:]
    var blocks: [Block] = []

    func stepMs(_ side: Side) -> [Double] { blocks.compactMap { $0[side]?.stepMs } }

    func firstTokenMs(_ side: Side) -> [Double] { blocks.flatMap { $0[side]?.firstTokenMs ?? [] } }

    /// Of the time per token, block by block: above 1 is slower.
    func step(_ side: Side, by other: Side) -> RatioInterval? { ratio(side, by: other) { $0.stepMs } }

    /// Of the median first token: above 1 is slower.
    func firstToken(_ side: Side, by other: Side) -> RatioInterval? {
        ratio(side, by: other) { Statistics.median($0.firstTokenMs) }
    }

    private func ratio(_ side: Side, by other: Side, _ value: (Sample) -> Double?) -> RatioInterval? {
        RatioInterval(
            blocks.compactMap { block in
                guard let numerator = block[side].flatMap(value), let denominator = block[other].flatMap(value) else {
                    return nil
                }
                return (numerator, denominator)
            })
    }
}

extension DecodeResult<ExecutorSide> {
    /// How far behind vLLM's own worker process the worse end of the interval may be.
    static var highestRatio: Double { 1.05 }

    /// What is judged.
    var judged: RatioInterval? { step(.remote, by: .stockMultiprocess) }

    /// Between the two sides that are judged.
    var threadDifference: Int? {
        guard let ours = threads[.remote], let theirs = threads[.stockMultiprocess] else { return nil }
        return abs(ours - theirs)
    }

    /// Whether more blocks could not change what comes out.
    var isSettled: Bool {
        guard Set(sides).isSuperset(of: [.remote, .stockMultiprocess]) else { return true }
        return judged.map { $0.upper <= Self.highestRatio || $0.lower > Self.highestRatio } ?? false
    }
}
