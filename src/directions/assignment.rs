//! The cheapest way to give each row a column of its own (Kuhn 1955; Jonker and Volgenant 1987).

/// For each row its column; `costs` has at least as many columns as rows, all finite. Time n^2 m.
///
/// # Panics
/// More rows than columns.
pub fn assign(costs: &[Vec<f64>]) -> Vec<usize> {
    let (rows, columns) = (costs.len(), costs.first().map_or(0, Vec::len));
    assert!(rows <= columns || rows == 0, "{rows} rows for {columns} columns");
    // Numbers from 1; column 0 holds the row that is being placed.
    let (mut of_rows, mut of_columns) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let mut owner = vec![0; columns + 1];
    for row in 1..=rows {
        owner[0] = row;
        let (mut least, mut from) = (vec![f64::INFINITY; columns + 1], vec![0; columns + 1]);
        let mut seen = vec![false; columns + 1];
        let mut at = 0;
        // Dijkstra over reduced costs, up to the first free column.
        while owner[at] != 0 {
            seen[at] = true;
            let (own, mut shortest, mut next) = (owner[at], f64::INFINITY, 0);
            for column in (1..=columns).filter(|&column| !seen[column]) {
                let reduced = costs[own - 1][column - 1] - of_rows[own] - of_columns[column];
                if reduced < least[column] {
                    (least[column], from[column]) = (reduced, at);
                }
                if least[column] < shortest {
                    (shortest, next) = (least[column], column);
                }
            }
            for column in 0..=columns {
                if seen[column] {
                    of_rows[owner[column]] += shortest;
                    of_columns[column] -= shortest;
                } else {
                    least[column] -= shortest;
                }
            }
            at = next;
        }
        while at != 0 {
            owner[at] = owner[from[at]];
            at = from[at];
        }
    }
    let mut found = vec![0; rows];
    (1..=columns).filter(|&column| owner[column] != 0).for_each(|column| found[owner[column] - 1] = column - 1);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// By hand: 1 + 2 + 2 is the least sum, 5, although each row alone would like the first column.
    #[test]
    fn three_by_three_by_hand() {
        let costs = [[1.0, 4.0, 5.0], [2.0, 2.0, 4.0], [1.0, 3.0, 2.0]].map(Vec::from);
        assert_eq!(assign(&costs), [0, 1, 2]);
        assert_eq!(assign(&[vec![5.0, 1.0, 9.0]]), [1], "more columns than rows");
        assert!(assign(&[]).is_empty());
    }

    #[derive(Deserialize)]
    struct Case {
        costs: Vec<Vec<f64>>,
        columns: Vec<usize>,
    }

    /// scipy.optimize.linear_sum_assignment; see tests/fixtures/make_directions.py.
    #[test]
    fn matches_scipy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/directions.json")).unwrap();
        let cases: Vec<Case> = serde_json::from_value(reference["assignments"].clone()).unwrap();
        assert!(cases.len() >= 20);
        for case in cases {
            assert_eq!(assign(&case.costs), case.columns);
        }
    }
}
