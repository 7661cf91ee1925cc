/// What has to be reached.
struct Bar: Codable {
    enum Direction: String, Codable {
        case atLeast = "at least"
        case atMost = "at most"
        case below
    }

    let name: String
    let measured: Double
    let direction: Direction
    let limit: Double
    let unit: String
    let isMet: Bool

    init(_ name: String, _ measured: Double, _ direction: Direction, _ limit: Double, _ unit: String) {
        self.name = name
        self.measured = measured
        self.direction = direction
        self.limit = limit
        self.unit = unit
        isMet =
            switch direction {
            case .atLeast: measured >= limit
            case .atMost: measured <= limit
            case .below: measured < limit
            }
    }
}
