/// What has to be reached.
package struct Bar: Codable {
    package enum Direction: String, Codable {
        case atLeast = "at least"
        case atMost = "at most"
        case below
    }

    package let name: String
    package let measured: Double
    package let direction: Direction
    package let limit: Double
    package let unit: String
    package let isMet: Bool

    package init(_ name: String, _ measured: Double, _ direction: Direction, _ limit: Double, _ unit: String) {
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
