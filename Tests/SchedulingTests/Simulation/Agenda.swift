import Scheduling

/// What will happen in the simulated world, in order of time; what falls on one moment, in order of its being planned.
struct Agenda {
    enum Entry {
        case event(SchedulerEvent)
        /// Something from outside: a client, a command, a fault.
        case stimulus
        case requestEnds(EngineID)
    }

    private struct Item {
        let moment: Moment
        let number: Int
        let entry: Entry
    }

    /// Soonest last.
    private var items: [Item] = []
    private var count = 0

    var next: Moment? { items.last?.moment }

    mutating func plan(_ entry: Entry, at moment: Moment) {
        count += 1
        let item = Item(moment: moment, number: count, entry: entry)
        var low = 0
        var high = items.count
        while low < high {
            let middle = (low + high) / 2
            if (items[middle].moment, items[middle].number) > (item.moment, item.number) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        items.insert(item, at: low)
    }

    mutating func takeNext() -> Entry? { items.popLast()?.entry }
}
