/// How two kinds of starts take turns, so that a machine that gets slower or faster in the course of a run meets both.
enum Interleaving {
    /// How many cycles follow each of the stock starts; they add up to `cycles` and differ by at most one.
    static func cycles(_ cycles: Int, after starts: Int) -> [Int] {
        (0..<starts).map { cycles * ($0 + 1) / starts - cycles * $0 / starts }
    }
}
